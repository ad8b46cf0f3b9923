"""Facts -> sentences, by templates or by a language model."""
