.PHONY: build test lint
build:
	swift build
test:
	swift test
lint:
	swift format lint --strict --recursive --parallel Package.swift Sources Tests Fuzz
