package dev.quire.emulator.decode;

/**
 * Tells from an A64 instruction word what it does to memory (Arm ARM DDI 0487, C4.1.94 Loads and
 * stores; C5.3 DC ZVA). Stateless and without allocation.
 *
 * <p>Known: integer, SIMD and floating-point loads and stores, exclusives, FEAT_LSE atomics,
 * FEAT_LRCPC and LRCPC2, FEAT_LOR, FEAT_PAuth loads, FEAT_LS64 and FEAT_MTE stores. Not known, and
 * so without access: SVE, SME, FEAT_MOPS, FEAT_LSE128 and FEAT_THE. Prefetches access nothing.
 */
public final class Arm64AccessDecoder {
  private static final int DC_ZVA = 0xd50b7420;
  private static final int DC_GZVA = 0xd50b7480;
  private static final int RT_MASK = 0x1f;
  private static final int SIZE_128 = 4;

  private Arm64AccessDecoder() {}

  /** The access of an instruction word, as {@link Arm64Access}. */
  public static long decode(int word) {
    if ((word & 0x0a00_0000) != 0x0800_0000) {
      return zeroBlock(word);
    }
    boolean vector = bit(word, 26);
    return switch (word >>> 28 & 3) {
      case 0 -> vector ? structures(word) : bit(word, 24) ? Arm64Access.NONE : exclusive(word);
      case 1 -> bit(word, 24) ? unscaledOrdered(word) : literal(word);
      case 2 -> pair(word);
      default -> single(word);
    };
  }

  private static long zeroBlock(int word) {
    int operation = word & ~RT_MASK;
    if (operation != DC_ZVA && operation != DC_GZVA) {
      return Arm64Access.NONE;
    }
    return Arm64Access.of(AccessKind.WRITE, 0, 0, word & RT_MASK) | Arm64Access.ZERO_BLOCK;
  }

  /** Load/store exclusive, load/store ordered, compare and swap. */
  private static long exclusive(int word) {
    int size = word >>> 30;
    boolean o2 = bit(word, 23);
    boolean load = bit(word, 22);
    boolean o1 = bit(word, 21);
    boolean o0 = bit(word, 15);
    boolean noSecond = (word >>> 10 & 0x1f) == 0x1f;
    if (o1 && (o2 || size < 2)) {
      return compareAndSwap(word, o2 ? size : size + 2, o2 ? 1 : 2, noSecond);
    }
    int registers = o1 ? 2 : 1;
    long access = of(load, registers << size, registers, word);
    if (!o2) {
      access |= Arm64Access.EXCLUSIVE;
    }
    if (o0 || o2) {
      access |= load ? Arm64Access.ACQUIRE : Arm64Access.RELEASE;
    }
    return access;
  }

  private static long compareAndSwap(int word, int size, int registers, boolean valid) {
    if (!valid || registers == 2 && (word & 0x0001_0001) != 0) {
      return Arm64Access.NONE;
    }
    long access =
        Arm64Access.of(AccessKind.READ_WRITE, registers << size, registers, base(word))
            | Arm64Access.ATOMIC;
    if (bit(word, 22)) {
      access |= Arm64Access.ACQUIRE;
    }
    return bit(word, 15) ? access | Arm64Access.RELEASE : access;
  }

  private static long structures(int word) {
    if (bit(word, 31)) {
      return Arm64Access.NONE;
    }
    boolean postIndexed = bit(word, 23);
    if (!postIndexed && (word >>> 16 & 0x1f) != 0) {
      return Arm64Access.NONE;
    }
    return bit(word, 24) ? singleStructure(word) : multipleStructures(word);
  }

  private static long multipleStructures(int word) {
    if (bit(word, 21)) {
      return Arm64Access.NONE;
    }
    int opcode = word >>> 12 & 0xf;
    int registers =
        switch (opcode) {
          case 0b0000, 0b0010 -> 4;
          case 0b0100, 0b0110 -> 3;
          case 0b1000, 0b1010 -> 2;
          case 0b0111 -> 1;
          default -> 0;
        };
    boolean interleaved = (opcode & 2) == 0;
    boolean wide = bit(word, 30);
    if (registers == 0 || interleaved && !wide && (word >>> 10 & 3) == 3) {
      return Arm64Access.NONE;
    }
    return of(bit(word, 22), registers * (wide ? 16 : 8), registers, word) | Arm64Access.VECTOR;
  }

  private static long singleStructure(int word) {
    int opcode = word >>> 13 & 7;
    int size = word >>> 10 & 3;
    boolean s = bit(word, 12);
    boolean load = bit(word, 22);
    int registers = ((opcode & 1) << 1 | word >>> 21 & 1) + 1;
    int log2 =
        switch (opcode >>> 1) {
          case 0 -> 0;
          case 1 -> (size & 1) == 0 ? 1 : -1;
          case 2 -> wordOrDoubleElement(size, s);
          default -> load && !s ? size : -1;
        };
    if (log2 < 0) {
      return Arm64Access.NONE;
    }
    return of(load, registers << log2, registers, word) | Arm64Access.VECTOR;
  }

  private static int wordOrDoubleElement(int size, boolean s) {
    if (size == 0) {
      return 2;
    }
    return size == 1 && !s ? 3 : -1;
  }

  private static long literal(int word) {
    int opc = word >>> 30;
    boolean vector = bit(word, 26);
    if (opc == 3) {
      // PRFM, or unallocated.
      return Arm64Access.NONE;
    }
    int log2 = vector ? opc + 2 : opc == 1 ? 3 : 2;
    long access = Arm64Access.of(AccessKind.READ, 1 << log2, 1, 0);
    int offset = (word >> 5 & 0x7_ffff) << 13 >> 11;
    return Arm64Access.withLiteral(vector ? access | Arm64Access.VECTOR : access, offset);
  }

  /** LDAPUR and STLUR, and the tag instructions. */
  private static long unscaledOrdered(int word) {
    if (bit(word, 26)) {
      return Arm64Access.NONE;
    }
    if (bit(word, 21)) {
      return word >>> 30 == 3 ? tags(word) : Arm64Access.NONE;
    }
    int size = word >>> 30;
    int opc = word >>> 22 & 3;
    boolean unallocated = size == 3 && opc > 1 || size == 2 && opc == 3;
    if ((word >>> 10 & 3) != 0 || unallocated) {
      return Arm64Access.NONE;
    }
    boolean load = opc != 0;
    long access = of(load, 1 << size, 1, word);
    access |= load ? Arm64Access.ACQUIRE : Arm64Access.RELEASE;
    return Arm64Access.withOffset(access, imm9(word));
  }

  /** STG, STZG, ST2G, STZ2G and LDG: they touch one or two 16-byte granules. */
  private static long tags(int word) {
    int opc = word >>> 22 & 3;
    int op2 = word >>> 10 & 3;
    if (op2 == 0) {
      boolean loadTag = opc == 1;
      return loadTag ? Arm64Access.withOffset(of(true, 16, 1, word), imm9(word) << 4) : 0;
    }
    long access = of(false, opc < 2 ? 16 : 32, 1, word);
    return op2 == 1 ? access : Arm64Access.withOffset(access, imm9(word) << 4);
  }

  private static long pair(int word) {
    int opc = word >>> 30;
    boolean vector = bit(word, 26);
    boolean load = bit(word, 22);
    int mode = word >>> 23 & 3;
    if (opc == 3 || !vector && opc == 1 && mode == 0) {
      return Arm64Access.NONE;
    }
    boolean tagged = !vector && opc == 1 && !load;
    int log2 = vector ? opc + 2 : opc == 0 ? 2 : opc == 2 || tagged ? 3 : 2;
    long access = of(load, 2 << log2, 2, word);
    if (vector) {
      access |= Arm64Access.VECTOR;
    }
    int scale = tagged ? SIZE_128 : log2;
    int offset = (word >> 15 & 0x7f) << 25 >> 25 << scale;
    return mode == 1 ? access : Arm64Access.withOffset(access, offset);
  }

  private static long single(int word) {
    if (bit(word, 24)) {
      long access = register(word);
      int offset = (word >>> 10 & 0xfff) * Arm64Access.bytes(access);
      return access == 0 ? 0 : Arm64Access.withOffset(access, offset);
    }
    int form = word >>> 10 & 3;
    if (bit(word, 21)) {
      return switch (form) {
        case 0 -> bit(word, 26) ? Arm64Access.NONE : atomic(word);
        case 2 -> registerOffset(word);
        default -> authenticated(word);
      };
    }
    long access = register(word);
    if (access == Arm64Access.NONE) {
      return access;
    }
    return switch (form) {
      case 1 -> access;
      case 2 -> unprivileged(word, access);
      default -> Arm64Access.withOffset(access, imm9(word));
    };
  }

  private static long unprivileged(int word, long access) {
    if (Arm64Access.isVector(access)) {
      return Arm64Access.NONE;
    }
    return Arm64Access.withOffset(access, imm9(word)) | Arm64Access.UNPRIVILEGED;
  }

  /** Direction and size of a load or store of one register by size, V and opc. */
  private static long register(int word) {
    int size = word >>> 30;
    int opc = word >>> 22 & 3;
    if (bit(word, 26)) {
      if (opc > 1 && size != 0) {
        return Arm64Access.NONE;
      }
      int log2 = opc > 1 ? SIZE_128 : size;
      return of((opc & 1) != 0, 1 << log2, 1, word) | Arm64Access.VECTOR;
    }
    // Size 3 with opc 2 is a prefetch.
    boolean unallocated = size == 3 && opc > 1 || size == 2 && opc == 3;
    return unallocated ? Arm64Access.NONE : of(opc != 0, 1 << size, 1, word);
  }

  private static long registerOffset(int word) {
    long access = register(word);
    int option = word >>> 13 & 7;
    if (access == Arm64Access.NONE || (option & 2) == 0) {
      return Arm64Access.NONE;
    }
    int bytes = Arm64Access.bytes(access);
    int shift = bit(word, 12) ? Integer.numberOfTrailingZeros(bytes) : 0;
    return Arm64Access.withIndex(access, word >>> 16 & 0x1f, option, shift);
  }

  /** LDRAA and LDRAB. */
  private static long authenticated(int word) {
    if (word >>> 30 != 3 || bit(word, 26)) {
      return Arm64Access.NONE;
    }
    int imm10 = (word >>> 12 & 0x1ff | word >>> 13 & 0x200) << 22 >> 22;
    return Arm64Access.withOffset(of(true, 8, 1, word), imm10 << 3);
  }

  /** Atomic memory operations, LDAPR, and the 64-byte loads and stores. */
  private static long atomic(int word) {
    int size = word >>> 30;
    boolean acquire = bit(word, 23);
    boolean release = bit(word, 22);
    int opc = word >>> 12 & 7;
    if (bit(word, 15) && opc != 0) {
      boolean rcpc = opc == 4 && acquire && !release;
      if (rcpc) {
        return of(true, 1 << size, 1, word) | Arm64Access.ACQUIRE;
      }
      return size == 3 && !acquire && !release ? sixtyFourBytes(word, opc) : Arm64Access.NONE;
    }
    long access =
        Arm64Access.of(AccessKind.READ_WRITE, 1 << size, 1, base(word)) | Arm64Access.ATOMIC;
    if (acquire) {
      access |= Arm64Access.ACQUIRE;
    }
    return release ? access | Arm64Access.RELEASE : access;
  }

  private static long sixtyFourBytes(int word, int opc) {
    return switch (opc) {
      case 5 -> of(true, 64, 8, word);
      case 1, 2, 3 -> of(false, 64, 8, word);
      default -> Arm64Access.NONE;
    };
  }

  private static long of(boolean load, int bytes, int registers, int word) {
    AccessKind kind = load ? AccessKind.READ : AccessKind.WRITE;
    return Arm64Access.of(kind, bytes, registers, base(word));
  }

  private static int base(int word) {
    return word >>> 5 & 0x1f;
  }

  private static int imm9(int word) {
    return (word >> 12 & 0x1ff) << 23 >> 23;
  }

  private static boolean bit(int word, int number) {
    return (word >>> number & 1) != 0;
  }
}
