"""The API as OpenAPI."""
