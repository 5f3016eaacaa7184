#!/usr/bin/env bash
# Formats every Java source of the tree; the build only checks.
cd "$(dirname "$0")/.." && exec mvn -q -B -o -N validate -Dquire.format=apply -Dquire.skipSetup=true
