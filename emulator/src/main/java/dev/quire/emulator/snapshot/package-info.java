/**
 * Snapshots as files: what a directory holds, how it is written so that a kill leaves the old one
 * or the new one, and how it is read without trusting a byte of it (docs/SNAPSHOT-FORMAT.md). What
 * the state of a machine is belongs to {@code dev.quire.emulator.machine}.
 */
package dev.quire.emulator.snapshot;
