/**
 * Streams of memory accesses without a guest: synthetic ones and replays of recorded traces, and
 * the address spaces they run in. docs/STREAMS.md has the names and the file formats.
 */
package dev.quire.lab.stream;
