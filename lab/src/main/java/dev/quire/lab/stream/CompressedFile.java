package dev.quire.lab.stream;

import com.github.luben.zstd.ZstdInputStream;
import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import org.tukaani.xz.XZInputStream;

/**
 * Opens a file as it is or through gzip, zstd or xz, as its first bytes tell. Decompression is
 * bounded in memory, not in what comes out: readers take it in pieces.
 */
final class CompressedFile {
  private static final int BUFFER_BYTES = 1 << 16;
  private static final int XZ_MEMORY_KIB = 256 << 10;
  private static final byte[] GZIP = {0x1f, (byte) 0x8b};
  private static final byte[] ZSTD = {0x28, (byte) 0xb5, 0x2f, (byte) 0xfd};
  private static final byte[] XZ = {(byte) 0xfd, '7', 'z', 'X', 'Z', 0};

  private CompressedFile() {}

  /**
   * @throws BadStreamException if there is no such file or it cannot be read
   */
  static InputStream open(Path file) {
    if (Files.isDirectory(file)) {
      throw new BadStreamException(file + ": is a directory, a trace file was expected");
    }
    try {
      InputStream raw = new BufferedInputStream(Files.newInputStream(file), BUFFER_BYTES);
      try {
        return decompressed(raw);
      } catch (IOException e) {
        raw.close();
        throw e;
      }
    } catch (NoSuchFileException e) {
      throw new BadStreamException(file + ": no such file", e);
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  /** What went wrong while reading, in one line. */
  static BadStreamException unreadable(Path file, IOException e) {
    boolean early = e instanceof EOFException || e.getMessage() == null;
    String why = early ? "the compressed data ends too early" : e.getMessage();
    return new BadStreamException(file + ": cannot be read to its end: " + why, e);
  }

  private static InputStream decompressed(InputStream raw) throws IOException {
    raw.mark(XZ.length);
    byte[] first = raw.readNBytes(XZ.length);
    raw.reset();
    if (startsWith(first, GZIP)) {
      return new WholeGzip(raw);
    }
    if (startsWith(first, ZSTD)) {
      return new ZstdInputStream(raw);
    }
    return startsWith(first, XZ) ? new XZInputStream(raw, XZ_MEMORY_KIB) : raw;
  }

  /**
   * All members of a gzip file. The JDK's own class takes what is no member, such as one with a
   * damaged head, for the end of the file.
   */
  private static final class WholeGzip extends GZIPInputStream {
    private static final int TRAILER_BYTES = 8;

    WholeGzip(InputStream raw) throws IOException {
      super(raw, BUFFER_BYTES);
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
      int count = super.read(target, offset, length);
      if (count < 0 && (inf.getRemaining() > TRAILER_BYTES || in.read() >= 0)) {
        throw new ZipException("what stands behind its gzip data is none");
      }
      return count;
    }
  }

  private static boolean startsWith(byte[] bytes, byte[] magic) {
    return bytes.length >= magic.length
        && Arrays.equals(bytes, 0, magic.length, magic, 0, magic.length);
  }
}
