// SPDX-License-Identifier: GPL-2.0-or-later
// The same as bench_rules.c, with USBGuard's own library and its rule language.
//
//   usbguard_rules FILE N [no-decisions]     FILE holds one rule a line
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include <usbguard/MemoryRuleSet.hpp>
#include <usbguard/Rule.hpp>

using Devices = std::vector<std::shared_ptr<const usbguard::Rule>>;
enum { BATCHES = 21, DEVICES = 256, LOADS = 5 };
static const double BATCH_SECONDS = 0.005;

static double seconds() {
        struct timespec ts;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
        return static_cast<double>(ts.tv_sec) + static_cast<double>(ts.tv_nsec) / 1e9;
}

static double median(std::vector<double> values) {
        std::sort(values.begin(), values.end());
        return values[values.size() / 2];
}

// As its daemon does: line by line.
static std::unique_ptr<usbguard::MemoryRuleSet> load(const char *path) {
        auto rules = std::make_unique<usbguard::MemoryRuleSet>(nullptr);
        std::ifstream file(path);
        std::string line;
        rules->setDefaultTarget(usbguard::Rule::Target::Block);
        while (std::getline(file, line))
                rules->appendRule(usbguard::Rule::fromString(line));
        return rules;
}

static long pss_kib() {
        std::ifstream file("/proc/self/smaps_rollup");
        std::string word;
        while (file >> word)
                if (word == "Pss:") {
                        long kib;
                        file >> kib;
                        return kib;
                }
        return -1;
}

static Devices make_devices(unsigned n, bool listed) {
        Devices devices;
        for (unsigned i = 0; i < DEVICES; i++) {
                unsigned rule = static_cast<unsigned>(static_cast<unsigned long>(i) * 7919 % n);
                char text[200];
                std::snprintf(text, sizeof text,
                              "device id %04x:%04x serial \"%s%010u\" name \"stick\" with-interface 08:06:50",
                              1 + rule % 1000, 1 + rule / 1000, listed ? "4C5300" : "unknown", rule);
                devices.push_back(std::make_shared<const usbguard::Rule>(usbguard::Rule::fromString(text)));
        }
        return devices;
}

static unsigned decide_some(const usbguard::RuleSet &rules, const Devices &devices, unsigned n) {
        unsigned opened = 0;
        for (unsigned i = 0; i < n; i++)
                opened += rules.getFirstMatchingRule(devices[i % DEVICES])->getTarget() ==
                          usbguard::Rule::Target::Allow;
        return opened;
}

static double timed(const usbguard::RuleSet &rules, const Devices &devices, unsigned n) {
        double start = seconds();
        decide_some(rules, devices, n);
        return seconds() - start;
}

static double measure(const usbguard::RuleSet &rules, const Devices &devices) {
        std::vector<double> times;
        unsigned n = 16;
        while (timed(rules, devices, n) < BATCH_SECONDS)
                n *= 2;
        for (int b = 0; b < BATCHES; b++)
                times.push_back(timed(rules, devices, n) / n * 1e9);
        return median(times);
}

int main(int argc, char **argv) {
        if (argc < 3)
                return 2;
        unsigned n = static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10));
        auto rules = load(argv[1]);
        if (rules->getRules().size() != n)
                return 1;
        std::printf("pss_kib %ld\n", pss_kib());
        std::vector<double> times;
        for (int i = 0; i < LOADS; i++) {
                rules.reset();
                double start = seconds();
                rules = load(argv[1]);
                times.push_back((seconds() - start) * 1e3);
        }
        std::printf("load_ms %.3f\n", median(times));
        if (argc > 3)
                return 0;

        Devices listed = make_devices(n, true), unlisted = make_devices(n, false);
        if (decide_some(*rules, listed, DEVICES) != DEVICES || decide_some(*rules, unlisted, DEVICES) != 0)
                return 1;
        std::printf("listed_ns %.0f\n", measure(*rules, listed));
        std::printf("unlisted_ns %.0f\n", measure(*rules, unlisted));
        return 0;
}
