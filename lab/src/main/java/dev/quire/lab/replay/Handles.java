package dev.quire.lab.replay;

import dev.quire.kernel.uffd.Userfaultfd;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The descriptors of a process by the names scripts give them. A name that is used again stands for
 * the new descriptor, and the old one stays open.
 */
final class Handles {
  static final String FILE = "f";
  static final String USERFAULTFD = "u";

  private final Map<String, Description> names = new HashMap<>();
  private final List<Description> descriptors = new ArrayList<>();

  /** An open file description: shared by what dup and fork made of it. */
  abstract static sealed class Description permits FileDescription, UffdDescription {
    private int descriptors;

    /** The last descriptor is gone. */
    abstract void release();
  }

  /** A userfaultfd. */
  static final class UffdDescription extends Description {
    final Userfaultfd uffd;
    final int flags;

    UffdDescription(Userfaultfd uffd, int flags) {
      this.uffd = uffd;
      this.flags = flags;
    }

    @Override
    void release() {
      uffd.close();
    }
  }

  /** A new descriptor. */
  void add(String name, Description description) {
    description.descriptors++;
    descriptors.add(description);
    names.put(name, description);
  }

  /** What a name stands for, or null if it is no descriptor. */
  Description get(String name) {
    return names.get(name);
  }

  /** The file of a name ({@link #FILE} if that is null), or null if it is no file. */
  FileDescription file(String name) {
    return names.get(name == null ? FILE : name) instanceof FileDescription file ? file : null;
  }

  /** The same of a userfaultfd. */
  UffdDescription uffd(String name) {
    return names.get(name == null ? USERFAULTFD : name) instanceof UffdDescription uffd
        ? uffd
        : null;
  }

  /** Whether there was one to close. */
  boolean close(String name) {
    Description description = names.remove(name);
    if (description == null) {
      return false;
    }
    descriptors.remove(description);
    close(description);
    return true;
  }

  private static void close(Description description) {
    description.descriptors--;
    if (description.descriptors == 0) {
      description.release();
    }
  }

  /** What a forked child has. */
  Handles inherited() {
    Handles same = new Handles();
    same.names.putAll(names);
    same.descriptors.addAll(descriptors);
    same.descriptors.forEach(description -> description.descriptors++);
    return same;
  }

  /** The process ends. */
  void closeAll() {
    descriptors.forEach(Handles::close);
    descriptors.clear();
    names.clear();
  }
}
