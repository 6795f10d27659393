"""Settings that a file gives and the environment overrides (``CLUSTER_AI_BACKEND__TICK_SECONDS``)."""

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict


class EnvironmentFirst(BaseSettings):
    """Values of the file come in as arguments. Neither dotenv files nor files of secrets are looked for."""

    model_config = SettingsConfigDict(
        frozen=True, env_prefix="CLUSTER_AI_", env_nested_delimiter="__", validate_default=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is the library's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings
