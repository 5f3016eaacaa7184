package dev.quire.emulator.device.x86;

import dev.quire.emulator.device.BytePortDevice;
import dev.quire.emulator.device.MachineControl;

/**
 * The one bit of ACPI a bare guest uses: PM1a control at 0x604, where QEMU's PC has it. Setting
 * SLP_EN (bit 13) with sleep type 0 (S5 there) switches off; the classic write is 0x2000.
 */
public final class AcpiPowerPort implements BytePortDevice {
  private static final int SLP_EN = 0x20;
  private static final int SLP_TYP = 0x1c;

  private final MachineControl machine;

  public AcpiPowerPort(MachineControl machine) {
    this.machine = machine;
  }

  @Override
  public int readByte(int port) {
    return (port & 1) == 0 ? 1 : 0; // SCI_EN: ACPI mode
  }

  @Override
  public void writeByte(int port, int value) {
    if ((port & 1) != 0 && (value & (SLP_EN | SLP_TYP)) == SLP_EN) {
      machine.powerOff();
    }
  }
}
