// A host at the pins of a simulated board that takes its orders from standard input, in the board's own time.
//
//   xx     (two hexadecimal digits) sends a byte
//   !xx    sends a byte whose stop bit is low
//   +N     waits N bit times
//   ?N     waits until N bytes have come since the last `?`, or LIMIT bit times passed without one; prints them in
//          hexadecimal on one line
//   r      presses the reset button for ten bit times
//
// The one argument seeds the initial registers. How to compile: uart_pins.h.
#include <iostream>
#include <string>

#include "uart_pins.h"

namespace {

constexpr int kLimit = 20000;

void finish_sending(UartPins& pins) {
  while (pins.sending()) pins.run(1);
}

void print_received(UartPins& pins, size_t count) {
  size_t seen = pins.received.size();
  for (int quiet = 0; pins.received.size() < count && quiet < kLimit; ++quiet) {
    pins.run(CLOCKS_PER_BIT);
    if (pins.received.size() != seen) {
      seen = pins.received.size();
      quiet = 0;
    }
  }
  for (uint8_t byte : pins.received) std::printf("%02x", byte);
  pins.received.clear();
  std::printf("\n");
  std::fflush(stdout);
}

void reset(UartPins& pins) {
  pins.press(true);
  pins.run(10 * CLOCKS_PER_BIT);
  pins.press(false);
  pins.run(10 * CLOCKS_PER_BIT);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s SEED\n", argv[0]);
    return 2;
  }
  UartPins pins(static_cast<unsigned>(std::strtoul(argv[1], nullptr, 10)));
  std::string word;
  while (std::cin >> word) {
    if (word == "r") {
      reset(pins);
    } else if (word[0] == '+') {
      pins.run(std::atoi(word.c_str() + 1) * CLOCKS_PER_BIT);
    } else if (word[0] == '?') {
      print_received(pins, static_cast<size_t>(std::atoi(word.c_str() + 1)));
    } else {
      bool stop = word[0] != '!';
      pins.send(static_cast<uint8_t>(std::strtoul(word.c_str() + !stop, nullptr, 16)), stop);
      finish_sending(pins);
    }
  }
  return 0;
}
