package dev.quire.emulator.device.x86;

/**
 * What a counter of the 8254 holds, for whoever saves or loads it from outside.
 *
 * @param initialTicks the count that was loaded, 1 to 65536; 0 if none was
 * @param loadNanos when, in virtual time
 * @param latchedCount or -1
 * @param latchedStatus or -1
 * @param readHigh the next read of a two-byte count gives the high byte
 * @param writeHigh the next write of one is the high byte, after {@code writtenLow}
 * @param access RW bits of the control word, 1 to 3
 */
public record PitCounterState(
    int initialTicks,
    long loadNanos,
    int latchedCount,
    int latchedStatus,
    boolean readHigh,
    boolean writeHigh,
    int writtenLow,
    int access,
    int mode,
    boolean bcd,
    boolean gate) {}
