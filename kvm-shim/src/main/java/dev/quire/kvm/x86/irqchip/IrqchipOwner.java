package dev.quire.kvm.x86.irqchip;

import dev.quire.emulator.device.EventQueue;
import dev.quire.emulator.device.VirtualClock;
import dev.quire.emulator.device.x86.VcpuSignals;

/** The VM that interrupt controllers are made for. */
public interface IrqchipOwner {
  /** Whether it has vCPUs: then it is too late for controllers. */
  boolean hasVcpus();

  VirtualClock clock();

  EventQueue events();

  VcpuSignals signals();

  /** Id of the vCPU whose access is being served. */
  int currentVcpu();

  /** The vCPU whose access is being served reads or writes its task priority by its page. */
  void taskPriorityAccess(boolean write);

  /** The guest ended the interrupt of a level-triggered line. */
  void acknowledged(int gsi);

  /** The controllers exist from now on; they are to be asked on the VM's bus. */
  void installed(KernelIrqchip irqchip);
}
