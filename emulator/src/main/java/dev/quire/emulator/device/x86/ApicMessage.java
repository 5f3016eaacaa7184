package dev.quire.emulator.device.x86;

/**
 * An interrupt message on the bus between the APICs: what an ICR write, an IOAPIC entry or an MSI
 * becomes.
 *
 * @param vector 0..255
 * @param deliveryMode 0..7 as in the ICR (fixed, lowest priority, SMI, reserved, NMI, INIT,
 *     start-up, ExtINT)
 * @param logical destination mode
 * @param levelTriggered marks the vector in the receiver's TMR
 * @param destination the 8-bit message destination address
 */
public record ApicMessage(
    int vector, int deliveryMode, boolean logical, boolean levelTriggered, int destination) {
  static final int FIXED = 0;
  static final int LOWEST_PRIORITY = 1;
  static final int SMI = 2;
  static final int NMI = 4;
  static final int INIT = 5;
  static final int STARTUP = 6;
  static final int EXTINT = 7;

  /** A message-signalled interrupt (SDM volume 3, "Message Signalled Interrupts"). */
  public static ApicMessage fromMsi(long addressGpa, int data) {
    return new ApicMessage(
        data & 0xff,
        data >>> 8 & 7,
        (addressGpa & 4) != 0,
        (data & 0x8000) != 0,
        (int) (addressGpa >>> 12) & 0xff);
  }
}
