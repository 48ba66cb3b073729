// The pins of a simulated board's top: its clock, its reset button and its UART, 8N1, seen from the other end.
//
// Compile with -DCLOCKS_PER_BIT=n, the board top's own value, and the names of its ports: -DCLOCK_PIN, -DRX_PIN,
// -DTX_PIN and, where it has a button, -DRESET_PIN and -DRESET_LEVEL (of the pressed button).
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <vector>

#include "Vboard_top.h"
#include "verilated.h"

class UartPins {
 public:
  explicit UartPins(unsigned seed) : context_(std::make_unique<VerilatedContext>()) {
    context_->randReset(2);
    context_->randSeed(static_cast<int>(seed));
    top_ = std::make_unique<Vboard_top>(context_.get());
    top_->CLOCK_PIN = 0;
    top_->RX_PIN = 1;
    press(false);
    run(20 * CLOCKS_PER_BIT);
    received.clear();
  }

  // Bytes that came from the board; the caller empties it.
  std::vector<uint8_t> received;

  bool sending() const { return left_ > 0 || !waiting_.empty(); }

  void send(uint8_t byte, bool stop = true) { waiting_.push_back({byte, stop}); }

  void press(bool pressed) {
#ifdef RESET_PIN
    top_->RESET_PIN = pressed ? RESET_LEVEL : !RESET_LEVEL;
#endif
  }

  void run(int clocks) {
    for (int i = 0; i < clocks; ++i) {
      drive();
      top_->CLOCK_PIN = 0;
      top_->eval();
      top_->CLOCK_PIN = 1;
      top_->eval();
      sample(top_->TX_PIN);
    }
  }

 private:
  struct Byte {
    uint8_t value;
    bool stop;
  };

  // One clock of the line to the board: start bit, eight data bits, stop bit; a missing stop bit is followed by one.
  void drive() {
    if (left_ == 0) {
      if (waiting_.empty()) return;
      Byte byte = waiting_.front();
      waiting_.pop_front();
      bits_ = static_cast<uint16_t>(byte.value << 1 | (byte.stop ? 0x200 : 0) | 0x400);
      left_ = (byte.stop ? 10 : 11) * CLOCKS_PER_BIT;
      passed_ = 0;
    }
    top_->RX_PIN = (bits_ >> (passed_ / CLOCKS_PER_BIT)) & 1;
    ++passed_;
    --left_;
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
      received.push_back(shift_);
      phase_ = -1;
    }
  }

  std::unique_ptr<VerilatedContext> context_;
  std::unique_ptr<Vboard_top> top_;
  std::deque<Byte> waiting_;
  uint16_t bits_ = 0;
  int left_ = 0;
  int passed_ = 0;
  int phase_ = -1;
  bool last_ = true;
  uint8_t shift_ = 0;
};
