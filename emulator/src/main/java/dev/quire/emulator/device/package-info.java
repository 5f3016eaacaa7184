/**
 * Devices and the ports between them and a machine.
 *
 * <p>All devices of a machine run on that machine's one executor thread. They know only virtual
 * time ({@link dev.quire.emulator.device.VirtualClock}): no wall clock, no threads, no randomness.
 * Every offset, port, width and value comes from a guest and is hostile; every byte of saved state
 * comes from a file and is hostile too. No guest access may throw.
 */
package dev.quire.emulator.device;
