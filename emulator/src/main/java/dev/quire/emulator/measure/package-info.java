/**
 * Measured runs: every access of a vCPU, in program order, goes through models of caches of
 * translations. They watch; nothing the guest sees depends on them.
 */
package dev.quire.emulator.measure;
