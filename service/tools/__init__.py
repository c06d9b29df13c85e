"""The integrator's tools: clients of the API's streams, and the verification of a request."""
