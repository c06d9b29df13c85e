"""Pages for people, beside the API: they call the API's operations and show the answers."""
