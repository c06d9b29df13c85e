"""The OpenAPI description of the API, made of the declarations that it runs by."""
