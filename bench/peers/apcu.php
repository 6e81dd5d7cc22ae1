<?php
// A peer of bench_state_throughput: forked processes play on APCu as order.hpp tells. What their
// loop costs without APCu is taken off.
// Usage: php -d apc.enable_cli=1 apcu.php DESK PLAYERS KEYS
[, $desk, $players, $count] = $argv;
$last_key = (int)$count - 1;
$batch = 1024;
$first = str_repeat('x', 100);
$written = str_repeat('y', 100);
$keys = [];
for ($i = 0; $i <= $last_key; $i++) {
    $keys[$i] = sprintf('session:%08d', $i);
    if (!apcu_store($keys[$i], $first)) {
        fwrite(STDERR, "apcu is full\n");
        exit(1);
    }
}

function timed(int $writes, int $start, int $length, bool $pretend): array
{
    global $keys, $written, $last_key, $batch;
    while (hrtime(true) < $start);
    $counted = $start + intdiv($length, 4);
    $end = $start + $length;
    $samples = [];
    $done = 0;
    for ($before = hrtime(true); $before < $end || count($samples) < 2; $done++) {
        if ($pretend) {
            for ($i = 0; $i < $batch; $i++) {
                $key = $keys[mt_rand(0, $last_key)];
                if ($writes !== 0 && mt_rand(1, 100) <= $writes) {
                    $row = $written;
                } else {
                    $row = $key;
                }
            }
        } else {
            for ($i = 0; $i < $batch; $i++) {
                $key = $keys[mt_rand(0, $last_key)];
                if ($writes !== 0 && mt_rand(1, 100) <= $writes) {
                    apcu_store($key, $written);
                } else {
                    $row = apcu_fetch($key);
                }
            }
        }
        $after = hrtime(true);
        if ($before >= $counted && $done >= 8) {
            $samples[] = ($after - $before) / $batch;
        }
        $before = $after;
    }
    return $samples;
}

// What the loop costs, measured right after it.
function loop_cost(int $writes, int $length): float
{
    $samples = timed($writes, hrtime(true), intdiv($length, 4), true);
    sort($samples);
    return $samples[intdiv(count($samples), 2)];
}

function play(string $desk): void
{
    $socket = stream_socket_client("unix://$desk");
    stream_set_timeout($socket, 86400);
    fwrite($socket, "ready\n");
    while (($line = fgets($socket)) !== false) {
        [, $writes, $start, $length] = explode(' ', trim($line));
        $samples = timed((int)$writes, (int)$start, (int)$length, false);
        $cost = loop_cost((int)$writes, (int)$length);
        $said = array_map(fn($each) => sprintf('%.3f', max($each - $cost, 0.001)), $samples);
        fwrite($socket, implode(' ', $said) . "\n");
    }
}

for ($player = 0; $player < (int)$players; $player++) {
    if (pcntl_fork() === 0) {
        mt_srand($player + 1);
        play($desk);
        exit(0);
    }
}
while (pcntl_wait($status) > 0);
