/**
 * The project's own benchmarks. Each is a ratio against a baseline measured in the same run, in
 * turns, so that a slow or busy machine changes both.
 */
package dev.quire.lab.bench;
