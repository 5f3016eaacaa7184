package dev.quire.lab.cli;

import dev.quire.emulator.restore.FaultAllHandler;
import dev.quire.emulator.restore.NeighbourhoodHandler;
import dev.quire.emulator.restore.OnDemandHandler;
import dev.quire.emulator.restore.PageAnswer;
import dev.quire.emulator.restore.UffdHandler;
import java.lang.reflect.InvocationTargetException;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;

/** The userfaultfd handler that {@code --handler} names: one that ships, or a class of the user. */
final class HandlerChoice {
  static final String NAMES = "on-demand, block:PAGES, fault-all, fault-all:PAGES, class:NAME";

  private HandlerChoice() {}

  /**
   * Parses a name; null if there is none.
   *
   * @param path jars and folders of the user's class
   */
  static Function<PageAnswer, UffdHandler> of(String name, List<Path> path) {
    if (name == null) {
      if (!path.isEmpty()) {
        throw CommandFailure.usage("--handler-path needs --handler class:NAME");
      }
      return null;
    }
    if (name.startsWith("class:")) {
      Class<?> type = load(name.substring("class:".length()), path);
      return answer -> make(type, answer);
    }
    if (!path.isEmpty()) {
      throw CommandFailure.usage("--handler-path goes with --handler class:NAME");
    }
    int colon = name.indexOf(':');
    String kind = colon < 0 ? name : name.substring(0, colon);
    if (kind.equals("on-demand") && colon < 0) {
      return OnDemandHandler::new;
    }
    if (kind.equals("block") && colon > 0) {
      int pages = (int) pages(name, colon, 1 << 20);
      if (Integer.bitCount(pages) != 1) {
        throw CommandFailure.usage("--handler '" + name + "': a block is a power of two of pages");
      }
      return answer -> new NeighbourhoodHandler(answer, pages);
    }
    if (kind.equals("fault-all")) {
      long pages = colon < 0 ? Long.MAX_VALUE : pages(name, colon, Integer.MAX_VALUE);
      return answer -> new FaultAllHandler(answer, pages);
    }
    throw CommandFailure.usage("unknown --handler '" + name + "': choose one of " + NAMES);
  }

  private static long pages(String name, int colon, long most) {
    long pages;
    try {
      pages = Long.parseLong(name.substring(colon + 1));
    } catch (NumberFormatException e) {
      throw CommandFailure.usage("--handler '" + name + "': PAGES is a number", e);
    }
    if (pages < 1 || pages > most) {
      throw CommandFailure.usage("--handler '" + name + "': PAGES is out of range: 1 to " + most);
    }
    return pages;
  }

  private static Class<?> load(String className, List<Path> path) {
    URL[] urls = new URL[path.size()];
    for (int i = 0; i < urls.length; i++) {
      Path entry = path.get(i);
      if (!Files.exists(entry)) {
        throw CommandFailure.usage("--handler-path " + entry + ": no such file or folder");
      }
      try {
        urls[i] = entry.toUri().toURL();
      } catch (MalformedURLException e) {
        throw CommandFailure.usage("--handler-path " + entry + ": " + e.getMessage(), e);
      }
    }
    try {
      // Stays open as long as the handler: the process.
      Class<?> type =
          Class.forName(
              className, true, new URLClassLoader(urls, HandlerChoice.class.getClassLoader()));
      if (!UffdHandler.class.isAssignableFrom(type)) {
        throw CommandFailure.usage(
            "--handler class:" + className + " does not implement " + UffdHandler.class.getName());
      }
      return type;
    } catch (ClassNotFoundException | LinkageError e) {
      throw CommandFailure.usage(
          "--handler class:" + className + ": no such class on --handler-path", e);
    }
  }

  /** By the constructor that takes the way to answer, or the one without parameters. */
  private static UffdHandler make(Class<?> type, PageAnswer answer) {
    try {
      try {
        return (UffdHandler) type.getConstructor(PageAnswer.class).newInstance(answer);
      } catch (NoSuchMethodException none) {
        return (UffdHandler) type.getConstructor().newInstance();
      }
    } catch (NoSuchMethodException e) {
      throw CommandFailure.usage(
          "--handler class:"
              + type.getName()
              + " has no public constructor without parameters, nor one of PageAnswer",
          e);
    } catch (InvocationTargetException e) {
      throw CommandFailure.usage(
          "--handler class:" + type.getName() + " cannot be made: " + e.getCause(), e);
    } catch (ReflectiveOperationException e) {
      throw CommandFailure.usage(
          "--handler class:" + type.getName() + " cannot be made: " + e.getMessage(), e);
    }
  }
}
