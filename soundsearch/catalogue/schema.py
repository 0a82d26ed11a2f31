"""Tables and numbered migrations. `user_version` counts those that were applied; never edit one that shipped."""

MIGRATIONS: tuple[str, ...] = (
    """
    -- What changes whenever cached copies of the catalogue must look again.
    CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO counters VALUES ('deletions', 0), ('changes', 0);

    CREATE TABLE roots (
        id INTEGER PRIMARY KEY,
        path BLOB NOT NULL UNIQUE,   -- file system bytes
        mount BLOB NOT NULL,         -- mount point when last seen: tells an unplugged drive from an empty folder
        online INTEGER NOT NULL DEFAULT 1
    );

    -- A sound, whatever its path: exact copies share one row, a moved file keeps it.
    CREATE TABLE contents (
        id INTEGER PRIMARY KEY,
        digest BLOB NOT NULL UNIQUE, -- BLAKE2b-128 of the file's bytes
        duration_s REAL NOT NULL,
        sample_rate INTEGER NOT NULL,
        channels INTEGER NOT NULL,
        format TEXT NOT NULL,
        peaks BLOB NOT NULL
    );

    CREATE TABLE clips (
        id INTEGER PRIMARY KEY,
        root_id INTEGER NOT NULL REFERENCES roots (id) ON DELETE CASCADE,
        path BLOB NOT NULL,          -- below the root, file system bytes
        words TEXT NOT NULL,         -- path below the root, case-folded, for filters and sorting
        folder TEXT NOT NULL,        -- the same without the name
        extension TEXT NOT NULL,     -- lower case, without the dot
        size_bytes INTEGER NOT NULL,
        modified_ns INTEGER NOT NULL,
        state TEXT NOT NULL,         -- records.ClipState
        reason TEXT NOT NULL DEFAULT '',
        content_id INTEGER REFERENCES contents (id),
        UNIQUE (root_id, path)
    );
    CREATE INDEX clips_by_content ON clips (content_id);
    CREATE INDEX clips_by_state ON clips (state, modified_ns);
    CREATE INDEX clips_by_words ON clips (words);

    -- seq only grows, so that a cache can ask for what is newer than the last it saw.
    CREATE TABLE embeddings (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        bundle TEXT NOT NULL,
        content_id INTEGER NOT NULL REFERENCES contents (id) ON DELETE CASCADE,
        vector BLOB NOT NULL,        -- float32, little endian, unit length
        UNIQUE (bundle, content_id)
    );
    CREATE INDEX embeddings_by_bundle ON embeddings (bundle, seq);

    CREATE TABLE tags (
        content_id INTEGER NOT NULL REFERENCES contents (id) ON DELETE CASCADE,
        label TEXT NOT NULL,
        source TEXT NOT NULL,        -- who says so; an automatic tag never replaces a user's
        score REAL,
        PRIMARY KEY (content_id, label, source)
    ) WITHOUT ROWID;
    """,
    """
    -- What people say about a sound, whatever its path. Only contents of which something is said have a row.
    CREATE TABLE marks (
        content_id INTEGER PRIMARY KEY REFERENCES contents (id) ON DELETE CASCADE,
        favourite INTEGER NOT NULL,
        rating INTEGER NOT NULL,     -- stars, 1 to 5; 0 for none
        colour TEXT NOT NULL         -- name of a colour label, '' for none
    );

    CREATE TABLE collections (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE collection_clips (
        collection_id INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
        content_id INTEGER NOT NULL REFERENCES contents (id) ON DELETE CASCADE,
        position INTEGER NOT NULL,   -- grows in the order in which they were added
        PRIMARY KEY (collection_id, content_id)
    ) WITHOUT ROWID;
    CREATE INDEX collection_clips_by_content ON collection_clips (content_id);

    CREATE TABLE searches (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        query TEXT NOT NULL,         -- what was typed
        sounds TEXT NOT NULL,        -- JSON: what else belongs to the query
        sort TEXT NOT NULL           -- as messages.Search.order
    );

    CREATE INDEX tags_by_label ON tags (label, source, content_id);
    """,
    """
    -- What a content sounds like, as measured when it was decoded; no row where it is not measured yet.
    CREATE TABLE sounds (
        content_id INTEGER PRIMARY KEY REFERENCES contents (id) ON DELETE CASCADE,
        version INTEGER NOT NULL,    -- of the analysis: rows of an older one are measured again
        loudness_lufs REAL,          -- NULL where it is too short or silent
        peak_db REAL,                -- NULL for digital silence
        brightness_hz REAL,
        tempo_bpm REAL,              -- NULL where there is no rhythm
        tempo_confidence REAL,
        key TEXT NOT NULL,           -- "Am", "F#"; '' where nothing is tonal
        key_confidence REAL,
        kind TEXT NOT NULL,          -- "loop", "one-shot" or ''
        samples BLOB NOT NULL        -- BLAKE2b-128 of the decoded samples: the same for the same sound in WAV and FLAC
    );
    CREATE INDEX sounds_by_samples ON sounds (samples);

    -- Windows of long clips, a block of them in a row. One whose last block is missing is gone on with.
    CREATE TABLE moments (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        bundle TEXT NOT NULL,
        content_id INTEGER NOT NULL REFERENCES contents (id) ON DELETE CASCADE,
        block INTEGER NOT NULL,      -- 0, 1, ... within the content
        is_last INTEGER NOT NULL,
        window_s REAL NOT NULL,
        starts BLOB NOT NULL,        -- float32 seconds, little endian
        vectors BLOB NOT NULL,       -- float16, little endian, unit length, as many as there are starts
        UNIQUE (bundle, content_id, block)
    );
    """,
    """
    -- The name alone, for lists that are sorted by it.
    CREATE INDEX clips_by_name ON clips (substr(words, CASE folder WHEN '' THEN 1 ELSE length(folder) + 2 END));
    """,
    """
    -- Labels that somebody refused for a content: not proposed for it again.
    CREATE TABLE refused (
        content_id INTEGER NOT NULL REFERENCES contents (id) ON DELETE CASCADE,
        label TEXT NOT NULL,
        score REAL,                  -- that it was proposed with
        PRIMARY KEY (content_id, label)
    ) WITHOUT ROWID;

    -- Digests of files that we wrote tags into: other bytes, the same content.
    CREATE TABLE rewritten (
        digest BLOB PRIMARY KEY,
        content_id INTEGER NOT NULL REFERENCES contents (id) ON DELETE CASCADE
    ) WITHOUT ROWID;
    CREATE INDEX rewritten_by_content ON rewritten (content_id);
    """,
    """
    -- What clips are called, by clip; the functions cut paths and labels into words (catalogue/names.py).
    CREATE VIRTUAL TABLE names USING fts5 (
        name, folder, tokenize = 'porter unicode61 remove_diacritics 2', detail = column
    );
    INSERT INTO names (rowid, name, folder) SELECT id, name_words(path), folder_words(path) FROM clips;
    CREATE TRIGGER clip_named AFTER INSERT ON clips BEGIN
        INSERT INTO names (rowid, name, folder) VALUES (new.id, name_words(new.path), folder_words(new.path));
    END;
    CREATE TRIGGER clip_renamed AFTER UPDATE OF path ON clips WHEN new.path != old.path BEGIN
        UPDATE names SET name = name_words(new.path), folder = folder_words(new.path) WHERE rowid = new.id;
    END;
    CREATE TRIGGER clip_forgotten AFTER DELETE ON clips BEGIN
        DELETE FROM names WHERE rowid = old.id;
    END;

    -- Every label that was ever given, once: there are few, and clips are found through them.
    CREATE TABLE labels (id INTEGER PRIMARY KEY, label TEXT NOT NULL UNIQUE);
    CREATE VIRTUAL TABLE label_names USING fts5 (
        label, tokenize = 'porter unicode61 remove_diacritics 2', detail = column
    );
    CREATE TRIGGER label_named AFTER INSERT ON labels BEGIN
        INSERT INTO label_names (rowid, label) VALUES (new.id, label_words(new.label));
    END;
    INSERT INTO labels (label) SELECT DISTINCT label FROM tags;
    CREATE TRIGGER tag_given AFTER INSERT ON tags BEGIN
        INSERT INTO labels (label) SELECT new.label WHERE NOT EXISTS (SELECT 1 FROM labels WHERE label = new.label);
    END;
    CREATE TRIGGER tag_renamed AFTER UPDATE OF label ON tags BEGIN
        INSERT INTO labels (label) SELECT new.label WHERE NOT EXISTS (SELECT 1 FROM labels WHERE label = new.label);
    END;

    -- The order of listings with all that choosing clips looks at: lists are made from the index alone.
    DROP INDEX clips_by_words;
    CREATE INDEX clips_by_words ON clips (words, state, content_id);
    """,
    """
    -- What a folder held when its clips were last in step with it: catalogue/listings.py.
    CREATE TABLE listings (
        root_id INTEGER NOT NULL REFERENCES roots (id) ON DELETE CASCADE,
        folder BLOB NOT NULL,        -- below the root, file system bytes
        digest BLOB NOT NULL,        -- of names, sizes and times of its audio files
        PRIMARY KEY (root_id, folder)
    ) WITHOUT ROWID;
    """,
    """
    -- How many clips each folder holds in each state, and how many can be heard by each model: counting takes a second
    -- where there are a million. Kept by triggers, as names are; folder_of is in catalogue/tallies.py.
    CREATE TABLE tallies (
        root_id INTEGER NOT NULL REFERENCES roots (id) ON DELETE CASCADE,
        folder BLOB NOT NULL,        -- below the root, file system bytes
        state TEXT NOT NULL,
        clips INTEGER NOT NULL,
        PRIMARY KEY (root_id, folder, state)
    ) WITHOUT ROWID;
    INSERT INTO tallies SELECT root_id, folder_of(path), state, count(*) FROM clips GROUP BY 1, 2, 3;
    CREATE TABLE heard (bundle TEXT PRIMARY KEY, clips INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO heard SELECT bundle, count(*) FROM embeddings JOIN clips USING (content_id)
        WHERE state = 'ready' GROUP BY bundle;

    CREATE TRIGGER clip_counted AFTER INSERT ON clips BEGIN
        INSERT INTO tallies VALUES (new.root_id, folder_of(new.path), new.state, 1)
            ON CONFLICT DO UPDATE SET clips = clips + 1;
        UPDATE heard SET clips = clips + 1 WHERE new.state = 'ready' AND EXISTS (
            SELECT 1 FROM embeddings e WHERE e.bundle = heard.bundle AND e.content_id = new.content_id);
    END;
    CREATE TRIGGER clip_counted_elsewhere AFTER UPDATE OF root_id, path, state ON clips
    WHEN new.state != old.state OR new.path != old.path OR new.root_id != old.root_id BEGIN
        UPDATE tallies SET clips = clips - 1
            WHERE root_id = old.root_id AND folder = folder_of(old.path) AND state = old.state;
        INSERT INTO tallies VALUES (new.root_id, folder_of(new.path), new.state, 1)
            ON CONFLICT DO UPDATE SET clips = clips + 1;
    END;
    CREATE TRIGGER clip_heard AFTER UPDATE OF state, content_id ON clips
    WHEN new.state != old.state OR new.content_id IS NOT old.content_id BEGIN
        UPDATE heard SET clips = clips
            + (new.state = 'ready' AND EXISTS (
                SELECT 1 FROM embeddings e WHERE e.bundle = heard.bundle AND e.content_id = new.content_id))
            - (old.state = 'ready' AND EXISTS (
                SELECT 1 FROM embeddings e WHERE e.bundle = heard.bundle AND e.content_id = old.content_id));
    END;
    CREATE TRIGGER clip_discounted AFTER DELETE ON clips BEGIN
        UPDATE tallies SET clips = clips - 1
            WHERE root_id = old.root_id AND folder = folder_of(old.path) AND state = old.state;
        UPDATE heard SET clips = clips - 1 WHERE old.state = 'ready' AND EXISTS (
            SELECT 1 FROM embeddings e WHERE e.bundle = heard.bundle AND e.content_id = old.content_id);
    END;
    CREATE TRIGGER embedding_counted AFTER INSERT ON embeddings BEGIN
        INSERT INTO heard SELECT new.bundle, 0 WHERE NOT EXISTS (SELECT 1 FROM heard WHERE bundle = new.bundle);
        UPDATE heard SET clips = clips + (
            SELECT count(*) FROM clips WHERE content_id = new.content_id AND state = 'ready')
            WHERE bundle = new.bundle;
    END;
    CREATE TRIGGER embedding_discounted AFTER DELETE ON embeddings BEGIN
        UPDATE heard SET clips = clips - (
            SELECT count(*) FROM clips WHERE content_id = old.content_id AND state = 'ready')
            WHERE bundle = old.bundle;
    END;

    -- What goes with a content is found by it: without these a content that was dropped cost a look at every vector.
    CREATE INDEX embeddings_by_content ON embeddings (content_id);
    CREATE INDEX moments_by_content ON moments (content_id);

    -- Contents that nothing was measured of yet: a scan asks for them, and they are few.
    CREATE TABLE unmeasured (content_id INTEGER PRIMARY KEY REFERENCES contents (id) ON DELETE CASCADE);
    INSERT INTO unmeasured SELECT id FROM contents WHERE id NOT IN (SELECT content_id FROM sounds);
    CREATE TRIGGER content_came AFTER INSERT ON contents BEGIN
        INSERT INTO unmeasured VALUES (new.id);
    END;
    CREATE TRIGGER content_measured AFTER INSERT ON sounds BEGIN
        DELETE FROM unmeasured WHERE content_id = new.content_id;
    END;
    CREATE TRIGGER content_forgotten AFTER DELETE ON sounds
    WHEN EXISTS (SELECT 1 FROM contents WHERE id = old.content_id) BEGIN
        INSERT INTO unmeasured VALUES (old.content_id);
    END;
    CREATE INDEX sounds_by_version ON sounds (version);
    """,
    """
    -- The highest number that a content ever had: none is given twice.
    INSERT INTO counters SELECT 'contents', coalesce(max(id), 0) FROM contents;
    """,
    """
    -- Contents that went, and digests of files that went with them (content_id 0): catalogue/forgotten.py.
    CREATE TABLE forgotten (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        content_id INTEGER NOT NULL,
        digest BLOB NOT NULL
    );
    CREATE TRIGGER content_went AFTER DELETE ON contents BEGIN
        INSERT INTO forgotten (content_id, digest) VALUES (old.id, old.digest);
    END;
    CREATE TRIGGER rewritten_went AFTER DELETE ON rewritten BEGIN
        INSERT INTO forgotten (content_id, digest) VALUES (0, old.digest);
    END;
    """,
    """
    -- Parts that stand out of a recording end where they end; windows end as they did.
    ALTER TABLE moments ADD COLUMN ends BLOB NOT NULL DEFAULT x'';  -- as starts
    UPDATE moments SET ends = later(starts, window_s);
    ALTER TABLE moments DROP COLUMN window_s;
    """,
)
