"""The ground floor: scoping, events, tasks, claims, realtime, HTTP, crypto, pagination. Imports nothing above it."""
