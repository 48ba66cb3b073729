// A simulated board whose UART is this program's standard input and output: bytes in, bytes out, until the input ends.
//
// Simulated time passes as fast as it can while there is something to do, and slowly in a long silence. The one
// argument seeds the initial registers. How to compile: uart_pins.h.
#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "uart_pins.h"

namespace {

constexpr int kSlice = 20 * CLOCKS_PER_BIT;    // clocks between two looks at the host: two bytes
constexpr long kBusyClocks = 1'000'000;        // after this many silent clocks the board counts as idle
constexpr int kIdleMilliseconds = 2;           // then each slice takes at least this long
constexpr int kIdleSlices = 10;

// Takes what the host sent, waiting for it at most `milliseconds`. False when there will be no more.
bool take(UartPins& pins, int milliseconds) {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  if (poll(&input, 1, milliseconds) <= 0) return true;
  uint8_t bytes[256];
  ssize_t count = read(STDIN_FILENO, bytes, sizeof bytes);
  if (count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN)) return false;
  for (ssize_t i = 0; i < count; ++i) pins.send(bytes[i]);
  return true;
}

bool give(UartPins& pins) {
  size_t done = 0;
  while (done < pins.received.size()) {
    ssize_t count = write(STDOUT_FILENO, pins.received.data() + done, pins.received.size() - done);
    if (count < 0 && errno != EINTR) return false;
    if (count > 0) done += static_cast<size_t>(count);
  }
  pins.received.clear();
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s SEED\n", argv[0]);
    return 2;
  }
  UartPins pins(static_cast<unsigned>(std::strtoul(argv[1], nullptr, 10)));
  long silent = kBusyClocks;
  for (;;) {
    bool idle = silent >= kBusyClocks;
    // The host's bytes are taken only as the line has sent the last ones, so that a fast host feels the baud rate.
    if (!pins.sending() && !take(pins, idle ? kIdleMilliseconds : 0)) return 0;
    int clocks = idle && !pins.sending() ? kIdleSlices * kSlice : kSlice;
    pins.run(clocks);
    silent = pins.sending() || !pins.received.empty() ? 0 : silent + clocks;
    if (!give(pins)) return 0;
  }
}
