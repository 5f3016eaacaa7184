package dev.quire.emulator.device.x86;

/**
 * All that one 8259A holds, for whoever saves or loads it from outside.
 *
 * @param lines levels of the inputs
 * @param lowestPriority pin 0 to 7
 * @param nextIcw the initialization word it waits for, 2 to 4, or 0
 */
public record PicRegisters(
    int lines,
    int irr,
    int imr,
    int isr,
    int lowestPriority,
    int vectorBase,
    boolean readIsr,
    boolean poll,
    boolean specialMask,
    int nextIcw,
    boolean autoEoi,
    boolean rotateOnAutoEoi,
    boolean fullyNested,
    boolean icw4Follows,
    int elcr) {}
