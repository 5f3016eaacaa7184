package dev.quire.emulator.device.x86;

import dev.quire.emulator.device.BytePortDevice;
import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.MachineControl;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;

/**
 * An 8042 keyboard controller at 0x60/0x64 with nothing plugged in (IBM PC AT Technical Reference,
 * "Keyboard Controller"): status, self-test, its command byte, and what it is still used for, the
 * reset through output port bit 0 (0xfe pulses it, 0xd1 writes it). The A20 gate is always open.
 */
public final class KeyboardController implements BytePortDevice, DeviceState {
  private static final int STATUS_OUTPUT_FULL = 0x01;
  private static final int STATUS_SYSTEM = 0x04;
  private static final int STATUS_COMMAND = 0x08;
  private static final int STATUS_UNLOCKED = 0x10;
  private static final int OUTPUT_PORT = 0xcf;

  private final MachineControl machine;
  private int commandByte = 0x45; // system flag, scan code translation, keyboard interrupt
  private int output;
  private boolean outputFull;
  private boolean lastWasCommand;

  /** The command whose parameter the data port expects next, or 0. */
  private int parameterOf;

  public KeyboardController(MachineControl machine) {
    this.machine = machine;
  }

  @Override
  public int readByte(int port) {
    if ((port & 4) == 0) {
      outputFull = false;
      return output;
    }
    return STATUS_SYSTEM
        | STATUS_UNLOCKED
        | (lastWasCommand ? STATUS_COMMAND : 0)
        | (outputFull ? STATUS_OUTPUT_FULL : 0);
  }

  @Override
  public void writeByte(int port, int value) {
    lastWasCommand = (port & 4) != 0;
    if (lastWasCommand) {
      parameterOf = 0;
      command(value);
    } else {
      parameter(value);
    }
  }

  private void command(int value) {
    switch (value) {
      case 0x20 -> answer(commandByte);
      case 0x60, 0xd1, 0xd2, 0xd3, 0xd4 -> parameterOf = value;
      case 0xa7 -> commandByte |= 0x20;
      case 0xa8 -> commandByte &= ~0x20;
      case 0xa9, 0xab -> answer(0);
      case 0xaa -> answer(0x55);
      case 0xad -> commandByte |= 0x10;
      case 0xae -> commandByte &= ~0x10;
      case 0xc0 -> answer(0);
      case 0xd0 -> answer(OUTPUT_PORT);
      default -> {
        if (value >= 0xf0 && (value & 1) == 0) {
          machine.reset();
        }
      }
    }
  }

  private void parameter(int value) {
    switch (parameterOf) {
      case 0x60 -> commandByte = value & 0x7f;
      case 0xd1 -> {
        if ((value & 1) == 0) {
          machine.reset();
        }
      }
      case 0xd2, 0xd3 -> answer(value);
      default -> {
        // A byte for a keyboard or mouse that is not there.
      }
    }
    parameterOf = 0;
  }

  private void answer(int value) {
    output = value;
    outputFull = true;
  }

  @Override
  public void save(StateWriter writer) {
    writer.begin("keyboard-controller", 1);
    writer.putByte(commandByte).putByte(output).putBoolean(outputFull);
    writer.putBoolean(lastWasCommand).putByte(parameterOf).end();
  }

  @Override
  public void load(StateReader reader) {
    reader.begin("keyboard-controller", 1);
    commandByte = reader.getInt8(0, 0x7f, "command byte");
    output = reader.getByte();
    outputFull = reader.getBoolean();
    lastWasCommand = reader.getBoolean();
    parameterOf = reader.getByte();
    reader.end();
  }
}
