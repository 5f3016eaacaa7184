package dev.quire.lab.cli;

import java.time.Duration;

/**
 * One boot, checked as far as the command line can check it.
 *
 * @param guestName for messages
 * @param kernel the guest's bytes
 * @param arch {@code x86_64}, {@code arm64}, or null: the guest's own format tells
 * @param memoryBytes a multiple of 4 KiB
 * @param vcpus at least 1
 * @param initrd null if none
 * @param commandLine what the guest is told
 * @param hostPages name of the host's page policy
 * @param seed of every random choice
 * @param maxInstructions -1 if unbounded
 * @param timeout null if unbounded
 */
public record BootRequest(
    String guestName,
    byte[] kernel,
    String arch,
    long memoryBytes,
    int vcpus,
    byte[] initrd,
    String commandLine,
    String hostPages,
    long seed,
    long maxInstructions,
    Duration timeout) {}
