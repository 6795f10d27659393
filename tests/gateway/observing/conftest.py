from tests.core.conftest import empty_url, postgres_url, url

__all__ = ["empty_url", "postgres_url", "url"]
