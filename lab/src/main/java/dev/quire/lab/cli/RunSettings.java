package dev.quire.lab.cli;

import dev.quire.kernel.mm.HostPagePolicy;
import java.time.Duration;

/**
 * How to run a guest, beside what it is.
 *
 * @param hostPages what backs guest memory
 * @param seed of every random choice
 * @param maxInstructions {@link Long#MAX_VALUE} if unbounded
 * @param timeout wall-clock time, null if unbounded
 */
public record RunSettings(
    HostPagePolicy hostPages, long seed, long maxInstructions, Duration timeout) {}
