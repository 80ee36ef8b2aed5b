package schema

//go:generate go run ./internal/reference REFERENCE.md
