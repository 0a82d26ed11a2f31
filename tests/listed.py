"""What a catalogue has listed, for tests that need a clip's number."""

from soundsearch.catalogue.store import Catalogue


def listed(catalogue: Catalogue, root_id: int) -> dict[bytes, int]:
    """Clip ids of a root's files by their paths below it, missing ones too."""
    return dict(catalogue._db.query("SELECT path, id FROM clips WHERE root_id = ?", (root_id,)))
