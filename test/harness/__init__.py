"""Starts and kills what pg_standin meets in life: PostgreSQL clusters, Kafka, Kafka Connect, a core banking system.

One library for the demo, the integration tests, the crash tests and the benchmarks. See README.md.
"""
