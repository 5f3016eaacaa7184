package dev.quire.emulator.device.x86;

import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;

/**
 * Which logical destinations one local APIC answers to: its LDR and DFR (Intel SDM volume 3,
 * "Logical Destination Mode").
 */
final class LogicalDestination {
  private static final int FLAT = 0xf;

  private int destination;
  private int format;

  void reset() {
    destination = 0;
    format = -1;
  }

  /** LDR. */
  int destination() {
    return destination;
  }

  void setDestination(int value) {
    destination = value & 0xff00_0000;
  }

  /** DFR. */
  int format() {
    return format;
  }

  void setFormat(int value) {
    format = value | 0x0fff_ffff;
  }

  /** Flat model: any common bit. Cluster model: same cluster and a common bit; 0xff is all. */
  boolean matches(int message) {
    int mine = destination >>> 24;
    if (format >>> 28 == FLAT) {
      return (mine & message) != 0;
    }
    boolean cluster = message >>> 4 == 0xf || message >>> 4 == mine >>> 4;
    return cluster && (mine & message & 0xf) != 0;
  }

  void save(StateWriter writer) {
    writer.putInt(destination).putInt(format);
  }

  void load(StateReader reader) {
    setDestination(reader.getInt());
    setFormat(reader.getInt());
  }
}
