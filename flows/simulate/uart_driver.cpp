// A host at the pins of a simulated board: reads commands from standard input, talks 8N1 to the circuit.
//
//   xx     (two hexadecimal digits) sends a byte
//   !xx    sends a byte whose stop bit is low
//   +N     waits N bit times
//   ?N     waits until N bytes have come since the last `?`, or LIMIT bit times passed without one; prints them in
//          hexadecimal on one line
//   r      presses the reset button for ten bit times
//
// Compile with -DCLOCKS_PER_BIT=n, the board top's own value. The one argument seeds the initial registers.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "Vboard_top.h"
#include "verilated.h"

namespace {

constexpr int kLimit = 20000;

class Host {
 public:
  explicit Host(unsigned seed) : context_(std::make_unique<VerilatedContext>()) {
    context_->randReset(2);
    context_->randSeed(static_cast<int>(seed));
    top_ = std::make_unique<Vboard_top>(context_.get());
    top_->clk_25mhz = 0;
    top_->btn_fire1 = 0;
    top_->ftdi_txd = 1;
    wait(20);
    bytes_.clear();
  }

  void send(uint8_t byte, bool stop) {
    drive(false);
    for (int i = 0; i < 8; ++i) drive((byte >> i) & 1);
    drive(stop);
    if (!stop) drive(true);
    top_->ftdi_txd = 1;
  }

  void wait(int bits) {
    for (int i = 0; i < bits * CLOCKS_PER_BIT; ++i) clock();
  }

  void reset() {
    top_->btn_fire1 = 1;
    wait(10);
    top_->btn_fire1 = 0;
    wait(10);
  }

  std::vector<uint8_t> receive(size_t count) {
    size_t seen = bytes_.size();
    for (int quiet = 0; bytes_.size() < count && quiet < kLimit; ++quiet) {
      wait(1);
      if (bytes_.size() != seen) {
        seen = bytes_.size();
        quiet = 0;
      }
    }
    std::vector<uint8_t> result;
    result.swap(bytes_);
    return result;
  }

 private:
  void drive(bool level) {
    top_->ftdi_txd = level;
    wait(1);
  }

  void clock() {
    top_->clk_25mhz = 0;
    top_->eval();
    top_->clk_25mhz = 1;
    top_->eval();
    sample(top_->ftdi_rxd);
  }

  // Samples in the middle of each bit, counted from the start bit's falling edge.
  void sample(bool level) {
    if (phase_ < 0) {
      if (last_ && !level) phase_ = 0;
      last_ = level;
      return;
    }
    ++phase_;
    last_ = level;
    int bit = phase_ / CLOCKS_PER_BIT;
    if (phase_ % CLOCKS_PER_BIT != CLOCKS_PER_BIT / 2) return;
    if (bit == 0 && level) phase_ = -1;
    if (bit >= 1 && bit <= 8) shift_ = static_cast<uint8_t>(shift_ >> 1 | (level ? 0x80 : 0));
    if (bit == 9) {
      if (!level) {
        std::fprintf(stderr, "the circuit sent a byte without a stop bit\n");
        std::exit(2);
      }
      bytes_.push_back(shift_);
      phase_ = -1;
    }
  }

  std::unique_ptr<VerilatedContext> context_;
  std::unique_ptr<Vboard_top> top_;
  std::vector<uint8_t> bytes_;
  int phase_ = -1;
  bool last_ = true;
  uint8_t shift_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s SEED\n", argv[0]);
    return 2;
  }
  Host host(static_cast<unsigned>(std::strtoul(argv[1], nullptr, 10)));
  std::string word;
  while (std::cin >> word) {
    if (word == "r") {
      host.reset();
    } else if (word[0] == '+') {
      host.wait(std::atoi(word.c_str() + 1));
    } else if (word[0] == '?') {
      for (uint8_t byte : host.receive(static_cast<size_t>(std::atoi(word.c_str() + 1)))) std::printf("%02x", byte);
      std::printf("\n");
      std::fflush(stdout);
    } else if (word[0] == '!') {
      host.send(static_cast<uint8_t>(std::strtoul(word.c_str() + 1, nullptr, 16)), false);
    } else {
      host.send(static_cast<uint8_t>(std::strtoul(word.c_str(), nullptr, 16)), true);
    }
  }
  return 0;
}
