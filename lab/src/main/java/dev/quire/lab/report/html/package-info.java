/** Results as self-contained HTML pages: pure functions of result lines, no network, no state. */
package dev.quire.lab.report.html;
