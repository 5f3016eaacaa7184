package dev.quire.bindings;

import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Finds the native libraries: an explicit path in the environment, then the user's cache folder
 * (where the set-up step unpacks them), then the system's own. Each is opened once per process and
 * stays open. Any thread may ask.
 *
 * <p>Unicorn must be 2.1.4 or newer: older ones give a stale program counter inside hooks and lack
 * the arm64 page size. Capstone must be 4 or 5, whose struct layouts are known here.
 */
public final class NativeLibraries {
  /** Environment variable holding the path of the Unicorn library. */
  public static final String UNICORN_VARIABLE = "QUIRE_LIBUNICORN";

  /** Environment variable holding the path of the Capstone library. */
  public static final String CAPSTONE_VARIABLE = "QUIRE_LIBCAPSTONE";

  private static final int UNICORN_MINIMUM = 2 << 24 | 1 << 16 | 4 << 8;
  private static final boolean MAC =
      System.getProperty("os.name").toLowerCase(Locale.ROOT).startsWith("mac");
  private static final List<String> UNICORN_FILES =
      MAC ? List.of("libunicorn.2.dylib", "libunicorn.dylib") : List.of("libunicorn.so.2");
  private static final List<String> CAPSTONE_FILES =
      MAC
          ? List.of("libcapstone.5.dylib", "libcapstone.4.dylib", "libcapstone.dylib")
          : List.of("libcapstone.so.5", "libcapstone.so.4");

  private static NativeLibrary unicorn;
  private static NativeLibrary capstone;

  private NativeLibraries() {}

  /** The Unicorn library of this process; {@link NativeLibraryException} if none will do. */
  public static synchronized NativeLibrary unicorn() {
    if (unicorn == null) {
      unicorn = findUnicorn(System.getenv());
    }
    return unicorn;
  }

  /** The Capstone library of this process; {@link NativeLibraryException} if none will do. */
  public static synchronized NativeLibrary capstone() {
    if (capstone == null) {
      capstone = findCapstone(System.getenv());
    }
    return capstone;
  }

  static NativeLibrary findUnicorn(Map<String, String> environment) {
    return new Search("unicorn", UNICORN_VARIABLE, UNICORN_FILES, environment).run();
  }

  static NativeLibrary findCapstone(Map<String, String> environment) {
    return new Search("capstone", CAPSTONE_VARIABLE, CAPSTONE_FILES, environment).run();
  }

  /** The folder that the set-up step unpacks libraries into. */
  public static Path cacheFolder(Map<String, String> environment) {
    String quire = environment.get("QUIRE_CACHE");
    if (quire != null && !quire.isEmpty()) {
      return Path.of(quire, "native", "lib");
    }
    String xdg = environment.get("XDG_CACHE_HOME");
    Path base =
        xdg != null && !xdg.isEmpty()
            ? Path.of(xdg)
            : Path.of(
                environment.getOrDefault("HOME", System.getProperty("user.home", ".")), ".cache");
    return base.resolve("quire").resolve("native").resolve("lib");
  }

  /** One search; collects what it tried so that a failure can tell. */
  private record Search(
      String name, String variable, List<String> files, Map<String, String> environment) {

    NativeLibrary run() {
      List<String> tried = new ArrayList<>();
      String explicit = environment.get(variable);
      if (explicit != null && !explicit.isEmpty()) {
        NativeLibrary library = openFile(explicit, tried);
        if (library == null) {
          throw failure(tried, "correct or unset " + variable);
        }
        return library;
      }
      for (String file : files) {
        NativeLibrary library = openFile(cacheFolder(environment).resolve(file).toString(), tried);
        if (library != null) {
          return library;
        }
      }
      for (String file : files) {
        NativeLibrary library = openSystem(file, tried);
        if (library != null) {
          return library;
        }
      }
      throw failure(
          tried,
          MAC
              ? "run 'brew install " + name + "'"
              : "run './quire setup', or install the package lib" + name);
    }

    private NativeLibraryException failure(List<String> tried, String mend) {
      return new NativeLibraryException(
          "no usable lib" + name + ": tried " + String.join(", ", tried) + "; " + mend);
    }

    private NativeLibrary openFile(String text, List<String> tried) {
      Path path;
      try {
        path = Path.of(text);
      } catch (InvalidPathException e) {
        tried.add(text + " (not a path)");
        return null;
      }
      if (!Files.isReadable(path)) {
        tried.add(path + " (not there)");
        return null;
      }
      try {
        // NATIVE: opened for the whole process; nothing ever unloads it.
        return check(path, SymbolLookup.libraryLookup(path, Arena.global()), tried);
      } catch (IllegalArgumentException e) {
        tried.add(path + " (not a loadable library)");
        return null;
      }
    }

    private NativeLibrary openSystem(String soname, List<String> tried) {
      try {
        // NATIVE: as above; the system's loader picks the file.
        return check(Path.of(soname), SymbolLookup.libraryLookup(soname, Arena.global()), tried);
      } catch (IllegalArgumentException e) {
        tried.add("the system's " + soname + " (not there)");
        return null;
      }
    }

    private NativeLibrary check(Path path, SymbolLookup symbols, List<String> tried) {
      boolean isUnicorn = name.equals("unicorn");
      String function = isUnicorn ? "uc_version" : "cs_version";
      if (symbols.find(function).isEmpty()) {
        tried.add(path + " (has no " + function + ")");
        return null;
      }
      int raw = askVersion(symbols, function);
      int version = isUnicorn ? raw & 0xffffff00 : raw >>> 8 << 24 | (raw & 0xff) << 16;
      NativeLibrary library = new NativeLibrary(name, path, version, symbols);
      int major = version >>> 24;
      if (isUnicorn && (version < UNICORN_MINIMUM || major != 2)) {
        tried.add(path + " (version " + library.versionText() + ", 2.1.4 or a later 2.x needed)");
        return null;
      }
      if (!isUnicorn && major != 4 && major != 5) {
        tried.add(path + " (version " + library.versionText() + ", 4 or 5 needed)");
        return null;
      }
      return library;
    }

    private static int askVersion(SymbolLookup symbols, String function) {
      MethodHandle handle = NativeCalls.downcall(symbols, function);
      try {
        return (int) (long) handle.invokeExact(0L, 0L, 0L, 0L, 0L, 0L);
      } catch (Throwable t) {
        throw NativeCalls.broken(t);
      }
    }
  }
}
