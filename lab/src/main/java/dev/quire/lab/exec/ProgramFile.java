package dev.quire.lab.exec;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A program to run: where it is and what it is for.
 *
 * @param path of the file
 * @param arch its architecture; a script's is this machine's
 */
public record ProgramFile(Path path, ProgramArch arch) {
  private static final int ELF_MAGIC = 0x464c457f;
  private static final int HEADER_BYTES = 64;
  private static final int CLASS_OFFSET = 4;
  private static final int CLASS_64 = 2;
  private static final int MACHINE_OFFSET = 18;
  private static final int PROGRAM_HEADERS_OFFSET = 32;
  private static final int ENTRY_BYTES_OFFSET = 54;
  private static final int ENTRIES_OFFSET = 56;
  private static final int PT_INTERP = 3;

  /**
   * Finds a program as a shell would.
   *
   * @param name with a slash: a path; without: looked for in the folders of {@code searchPath}
   * @param searchPath PATH, may be null
   * @throws BadProgramException one line: what is wrong and how to mend it
   */
  public static ProgramFile find(String name, String searchPath) {
    Path path = locate(name, searchPath);
    if (path == null) {
      throw new BadProgramException("no program '" + name + "': give its path, or see PATH");
    }
    if (Files.isDirectory(path)) {
      throw new BadProgramException(path + " is a folder: give the program in it");
    }
    if (!Files.isExecutable(path)) {
      throw new BadProgramException(path + " is not executable: chmod +x it");
    }
    try (FileChannel file = FileChannel.open(path)) {
      return read(path, file);
    } catch (IOException e) {
      throw new BadProgramException("cannot read " + path + ": " + e.getMessage());
    }
  }

  private static Path locate(String name, String searchPath) {
    if (name.indexOf('/') >= 0) {
      Path path = Path.of(name);
      return Files.exists(path) ? path : null;
    }
    for (String folder : (searchPath == null ? "" : searchPath).split(":", -1)) {
      Path path = Path.of(folder.isEmpty() ? "." : folder).resolve(name);
      if (Files.isRegularFile(path) && Files.isExecutable(path)) {
        return path;
      }
    }
    return null;
  }

  private static ProgramFile read(Path path, FileChannel file) throws IOException {
    ByteBuffer header = read(file, 0, HEADER_BYTES);
    if (header.limit() < HEADER_BYTES || header.getInt(0) != ELF_MAGIC) {
      return new ProgramFile(path, ProgramArch.ofMachine()); // a script
    }
    int machine = Short.toUnsignedInt(header.getShort(MACHINE_OFFSET));
    ProgramArch arch = ProgramArch.ofElf(machine);
    if (arch == null || header.get(CLASS_OFFSET) != CLASS_64) {
      throw new BadProgramException(
          path + " is for another machine (ELF " + machine + "): x86-64 and arm64 programs run");
    }
    if (!isDynamic(file, header)) {
      throw new BadProgramException(
          path
              + " is statically linked, so nothing can stand in for its calls: link it"
              + " dynamically");
    }
    return new ProgramFile(path, arch);
  }

  private static boolean isDynamic(FileChannel file, ByteBuffer header) throws IOException {
    long start = header.getLong(PROGRAM_HEADERS_OFFSET);
    int entryBytes = Short.toUnsignedInt(header.getShort(ENTRY_BYTES_OFFSET));
    int entries = Short.toUnsignedInt(header.getShort(ENTRIES_OFFSET));
    if (start < 0 || entryBytes < Integer.BYTES) {
      return false;
    }
    ByteBuffer table = read(file, start, entries * entryBytes);
    for (int at = 0; at + entryBytes <= table.limit(); at += entryBytes) {
      if (table.getInt(at) == PT_INTERP) {
        return true;
      }
    }
    return false;
  }

  private static ByteBuffer read(FileChannel file, long position, int bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    long at = position;
    while (buffer.hasRemaining()) {
      int count = file.read(buffer, at);
      if (count < 0) {
        break;
      }
      at += count;
    }
    return buffer.flip();
  }
}
