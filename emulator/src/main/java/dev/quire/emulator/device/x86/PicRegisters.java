package dev.quire.emulator.device.x86;

/**
 * All that one 8259A holds, for whoever saves or loads it from outside.
 *
 * @param lines levels of the inputs
 * @param lowestPriority pin 0 to 7
 * @param vectorBase what the pin is added to; ICW2 sets multiples of 8
 * @param nextIcw the initialization word it waits for, 2 to 4, or 0
 * @param elcrMask pins whose trigger can be chosen
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
    int elcr,
    int elcrMask) {}
