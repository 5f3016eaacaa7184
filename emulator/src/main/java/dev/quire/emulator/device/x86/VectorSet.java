package dev.quire.emulator.device.x86;

import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import java.util.Arrays;

/** 256 interrupt vectors, a bit each: the shape of a local APIC's ISR, TMR and IRR. */
final class VectorSet {
  static final int WORDS = 8;

  private final int[] words = new int[WORDS];

  boolean contains(int vector) {
    return (words[vector >>> 5] >>> (vector & 31) & 1) != 0;
  }

  void add(int vector) {
    words[vector >>> 5] |= 1 << (vector & 31);
  }

  void remove(int vector) {
    words[vector >>> 5] &= ~(1 << (vector & 31));
  }

  void set(int vector, boolean present) {
    if (present) {
      add(vector);
    } else {
      remove(vector);
    }
  }

  void clear() {
    Arrays.fill(words, 0);
  }

  /** The highest vector, or -1. */
  int highest() {
    for (int i = 7; i >= 0; i--) {
      if (words[i] != 0) {
        return i * 32 + 31 - Integer.numberOfLeadingZeros(words[i]);
      }
    }
    return -1;
  }

  /** Register {@code index} 0..7 of the eight. */
  int word(int index) {
    return words[index];
  }

  /** Vectors 0 to 15 are never accepted. */
  void setWord(int index, int value) {
    words[index] = index == 0 ? value & 0xffff_0000 : value;
  }

  void save(StateWriter writer) {
    writer.putInts(words);
  }

  void load(StateReader reader) {
    reader.getInts(words);
    words[0] &= 0xffff_0000; // vectors 0..15 are never accepted
  }
}
