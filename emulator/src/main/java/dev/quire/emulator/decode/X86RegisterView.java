package dev.quire.emulator.decode;

/**
 * The registers an x86 effective address is made of. Read on the vCPU's thread, at an instruction
 * boundary.
 */
public interface X86RegisterView {
  int RAX = 0;
  int RCX = 1;
  int RDX = 2;
  int RBX = 3;
  int RSP = 4;
  int RBP = 5;
  int RSI = 6;
  int RDI = 7;

  int ES = 0;
  int CS = 1;
  int SS = 2;
  int DS = 3;
  int FS = 4;
  int GS = 5;

  /** A general register in hardware order: 0 RAX, 1 RCX, 2 RDX, 3 RBX, 4 RSP .. 15 R15. */
  long gpr(int index);

  /** The base of a segment in hardware order: 0 ES, 1 CS, 2 SS, 3 DS, 4 FS, 5 GS. */
  long segmentBase(int segment);
}
