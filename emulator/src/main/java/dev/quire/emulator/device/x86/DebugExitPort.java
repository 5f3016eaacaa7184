package dev.quire.emulator.device.x86;

import dev.quire.emulator.device.MachineControl;
import dev.quire.emulator.device.PortDevice;

/**
 * QEMU's isa-debug-exit (hw/misc/debugexit.c) at 0xf4, four ports wide: any write ends the run with
 * the written value, 0 meaning success here. Quire's own: a read gives the number of this boot.
 */
public final class DebugExitPort implements PortDevice {
  private final MachineControl machine;

  public DebugExitPort(MachineControl machine) {
    this.machine = machine;
  }

  @Override
  public long read(int port, int bytes) {
    return machine.bootNonce();
  }

  @Override
  public void write(int port, int bytes, long value) {
    machine.debugExit((int) value);
  }
}
