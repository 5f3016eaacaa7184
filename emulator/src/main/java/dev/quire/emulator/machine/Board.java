package dev.quire.emulator.machine;

import dev.quire.emulator.boot.EntryState;
import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.vcpu.Vcpu;
import java.util.List;

/** What differs between the machines: their vCPUs with their devices. Machine thread only. */
interface Board extends DeviceState {
  List<Vcpu> vcpus();

  /** Puts the boot CPU into its entry state and starts it. */
  void enter(EntryState entry);
}
