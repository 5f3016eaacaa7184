package dev.quire.emulator.machine;

import dev.quire.emulator.vcpu.Vcpu;

/** Which vCPUs run, wait for an interrupt, or are off. Machine thread only. */
final class PowerStates {
  private enum State {
    RUNNING,
    HALTED,
    OFF
  }

  private final State[] states;
  private int current;

  PowerStates(int vcpus) {
    states = new State[vcpus];
    java.util.Arrays.fill(states, State.OFF);
  }

  boolean runnable(Vcpu vcpu) {
    int index = vcpu.index();
    if (states[index] == State.HALTED && vcpu.cpu().hasWork()) {
      states[index] = State.RUNNING;
    }
    return states[index] == State.RUNNING;
  }

  boolean isOff(int vcpu) {
    return states[vcpu] == State.OFF;
  }

  void start(int vcpu) {
    states[vcpu] = State.RUNNING;
  }

  void halt(Vcpu vcpu) {
    states[vcpu.index()] = State.HALTED;
  }

  void off(int vcpu) {
    states[vcpu] = State.OFF;
  }

  void enter(Vcpu vcpu) {
    current = vcpu.index();
  }

  /** The vCPU whose turn it is: the one a device access comes from. */
  int current() {
    return current;
  }
}
