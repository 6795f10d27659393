from backend import error_texts


def test_the_dashboards_sentences_are_those_of_the_catalogue() -> None:
    for file, text in error_texts.files().items():
        assert file.read_text() == text, "run: python -m backend.error_texts"
