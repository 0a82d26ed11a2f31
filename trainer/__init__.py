"""Fine-tuning and evaluation of soundsearch models."""
