package dev.quire.emulator.machine;

import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.emulator.vcpu.Vcpu;

/** Which vCPUs run, wait for an interrupt, or are off. Machine thread only. */
final class PowerStates implements DeviceState {
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

  @Override
  public void save(StateWriter writer) {
    writer.begin("power", 1).putInt(states.length).putInt(current);
    for (State state : states) {
      writer.putByte(state.ordinal());
    }
    writer.end();
  }

  @Override
  public void load(StateReader reader) {
    reader.begin("power", 1);
    reader.getInt(states.length, states.length, "number of vCPUs");
    current = reader.getInt(0, states.length - 1, "current vCPU");
    for (int index = 0; index < states.length; index++) {
      states[index] = State.values()[reader.getInt8(0, State.values().length - 1, "power state")];
    }
    reader.end();
  }
}
