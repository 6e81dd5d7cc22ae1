#!/usr/bin/python3
"""The board's page in a real browser: Chromium, driven over WebDriver, against a real cluster.

    board_test.py BOARD [TEST...]    BOARD is the program; --screenshots DIR keeps pictures

Two tabs on two workers. A worker's pid is what the page shows of its event stream.
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
import urllib.request

PATIENCE = 30  # seconds; bounds a failing test only
CHROMIUM, DRIVER = shutil.which('chromium'), shutil.which('chromedriver')
if not CHROMIUM or not DRIVER:
    sys.exit('FAILED: no chromium or chromedriver here; apt-get install chromium chromium-driver')
try:
    from selenium import webdriver
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait
except ModuleNotFoundError:
    sys.exit('FAILED: no selenium for this python; apt-get install python3-selenium and run the '
             'test with /usr/bin/python3')

board = None
screenshots = None


class Cluster:
    """A board with two workers; connections go to them in turn."""

    def __init__(self):
        self.process = subprocess.Popen(
            [board, '--listen', '127.0.0.1:0', '--workers', '2', '--dispatch', 'round_robin'],
            stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert ' ready on ' in line, f'not ready: {line!r}'
        self.url = 'http://' + line.split(' ready on ')[1].split()[0]

    def ask(self, method, path, body=None):
        request = urllib.request.Request(self.url + path, data=body, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return response.read().decode()

    def stop(self):
        self.process.terminate()
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()


def start_browser(profile):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for word in ('--headless', '--no-sandbox', '--disable-gpu', '--disable-quic',
                 '--no-first-run', '--disable-background-networking',
                 '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
                 '--window-size=1000,900', f'--user-data-dir={profile}'):
        options.add_argument(word)
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
    service = webdriver.chrome.service.Service(DRIVER)
    return webdriver.Chrome(service=service, options=options)


class Tab:
    """One tab; every call first switches to it."""

    def __init__(self, browser, url):
        self.browser = browser
        browser.switch_to.new_window('tab')
        self.window = browser.current_window_handle
        browser.get(url)
        self.wait(lambda: self.text('connection') == 'live', 'the page is live')
        self.wait(lambda: self.text('worker-pid').isdigit(), 'the page knows its worker')

    def here(self):
        if self.browser.current_window_handle != self.window:
            self.browser.switch_to.window(self.window)
        return self.browser

    def element(self, name):
        return self.here().find_element(By.ID, name)

    def text(self, name):
        return self.element(name).text

    def pid(self):
        return int(self.text('worker-pid'))

    def scores(self):
        """What the table shows, in its order."""
        return [tuple(row) for row in self.here().execute_script(
            'return [...document.querySelectorAll("#rows tr")].map(row =>'
            ' [row.dataset.player, row.querySelector(".points").textContent])')]

    def press(self, *keys):
        """Keys to whatever has the focus, as a person without a mouse has it."""
        webdriver.ActionChains(self.here()).send_keys(*keys).perform()

    def focused(self, expression='id'):
        return self.here().execute_script(f'return document.activeElement.{expression}')

    def wait(self, condition, claim):
        WebDriverWait(self.here(), PATIENCE, 0.02).until(lambda _: condition(), f'not so: {claim}')

    def close(self):
        self.here().close()
        self.browser.switch_to.window(self.browser.window_handles[0])


class BoardPage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.profile = tempfile.mkdtemp(prefix='covey-browser-')
        cls.addClassCleanup(shutil.rmtree, cls.profile, ignore_errors=True)
        cls.browser = start_browser(cls.profile)
        cls.addClassCleanup(cls.browser.quit)

    def setUp(self):
        self.cluster = Cluster()
        self.tabs = []

    def tearDown(self):
        for tab in self.tabs:
            tab.close()
        self.assertEqual(self.cluster.stop(), 0)

    def open(self):
        self.tabs.append(Tab(self.browser, self.cluster.url + '/'))
        return self.tabs[-1]

    def open_two(self):
        """Two tabs whose streams are held by two workers."""
        first = self.open()
        for _ in range(20):
            second = self.open()
            if second.pid() != first.pid():
                return first, second
            self.tabs.pop().close()
        self.fail('every connection falls to one worker')

    def shows(self, tab, rows):
        try:
            tab.wait(lambda: tab.scores() == rows, rows)
        except Exception as failure:
            raise AssertionError(f'the page shows {tab.scores()}, not {rows}') from failure

    def test_a_score_put_in_one_tab_appears_in_the_other(self):
        first, second = self.open_two()
        self.assertNotEqual(first.text('worker-seat'), second.text('worker-seat'))
        for tab in (first, second):
            tab.here().execute_script('window.loadedOnce = true')

        first.element('player').send_keys('anna')
        first.element('points').send_keys('5')
        first.element('set').click()
        self.shows(second, [('anna', '5')])
        self.shows(first, [('anna', '5')])

        second.element('player').send_keys('bert')
        second.element('points').send_keys('+7')
        second.element('add').click()
        self.shows(first, [('bert', '7'), ('anna', '5')])
        self.assertTrue(second.text('answer-pid').isdigit())

        first.here().find_element(By.CSS_SELECTOR, '[data-player=anna] [data-add="+1"]').click()
        self.shows(second, [('bert', '7'), ('anna', '6')])
        second.here().find_element(By.CSS_SELECTOR, '[data-player=bert] [data-delete]').click()
        self.shows(first, [('anna', '6')])
        self.shows(second, [('anna', '6')])
        for tab in (first, second):
            self.assertTrue(tab.here().execute_script('return window.loadedOnce'), 'a reload')

    def test_a_page_shows_what_was_there_before_and_what_curl_does(self):
        self.cluster.ask('PUT', '/scores/%3Cb%3E%26%22', b'-9223372036854775808')
        self.cluster.ask('PUT', '/scores/anna', b'9007199254740993')
        tab = self.open()
        self.shows(tab, [('anna', '9007199254740993'), ('<b>&"', '-9223372036854775808')])
        self.cluster.ask('DELETE', '/scores/anna')
        self.cluster.ask('DELETE', '/scores/%3Cb%3E%26%22')
        self.shows(tab, [])
        tab.wait(lambda: tab.element('empty').is_displayed(), 'it says that there is nobody')
        self.assertRegex(tab.text('visit'), r'^number \d+$')

    def test_the_page_works_by_keyboard_alone(self):
        tab = self.open()
        tab.press(Keys.TAB)  # the first stop is the link that skips to the form
        tab.press(Keys.ENTER)
        tab.press('anna', Keys.TAB, '5', Keys.ENTER)
        self.shows(tab, [('anna', '5')])
        tab.wait(lambda: tab.focused() == 'player', 'the focus is back for the next player')
        tab.press('bert', Keys.TAB, '5', Keys.TAB, Keys.TAB, Keys.ENTER)  # the Add button
        self.shows(tab, [('anna', '5'), ('bert', '5')])
        tab.wait(lambda: tab.focused() == 'player', 'the focus is back once more')

        # Player, points, Set, Add, then the buttons of each row: +1 for bert, who passes anna;
        # the focus goes with him.
        tab.press(*[Keys.TAB] * 8, Keys.SPACE)
        self.shows(tab, [('bert', '6'), ('anna', '5')])
        self.assertEqual(tab.focused('ariaLabel'), '+1 point for bert')
        tab.press(Keys.TAB, Keys.ENTER)
        self.shows(tab, [('anna', '5')])
        tab.wait(lambda: tab.focused() == 'player', 'the focus is not lost with the row')

    def test_what_the_server_refuses_is_told(self):
        tab = self.open()
        tab.element('player').send_keys('\u00e4' * 17)  # 34 bytes
        tab.element('points').send_keys('5')
        tab.element('set').click()
        tab.wait(lambda: '32 bytes' in tab.text('said'), 'the reason is on the page')
        self.assertEqual(tab.scores(), [])
        tab.here().get_log('browser')  # Chromium logs the 400; that is expected here

    def test_a_page_whose_worker_is_killed_goes_on(self):
        self.cluster.ask('PUT', '/scores/anna', b'1')
        first, second = self.open_two()
        victim = first.pid()
        os.kill(victim, signal.SIGKILL)
        self.cluster.ask('PUT', '/scores/bert', b'2')
        self.cluster.ask('DELETE', '/scores/anna')
        first.wait(lambda: first.text('connection') == 'live' and first.pid() != victim,
                   'the page is live from another worker')
        for tab in (first, second):
            self.shows(tab, [('bert', '2')])
        second.element('player').send_keys('carl')
        second.element('points').send_keys('3')
        second.element('set').click()
        for tab in (first, second):
            self.shows(tab, [('carl', '3'), ('bert', '2')])
        first.here().get_log('browser')  # the lost connection is in it

    def test_the_page_is_light_or_dark_as_its_reader_likes(self):
        for player, points in (('anna', 120), ('bert', 75), ('carl', 75), ('Łucja', -3)):
            self.cluster.ask('PUT', '/scores/' + urllib.request.quote(player), b'%d' % points)
        tab = self.open()
        tab.wait(lambda: len(tab.scores()) == 4, 'all rows are there')
        grounds = set()
        for scheme in ('light', 'dark'):
            self.browser.execute_cdp_cmd('Emulation.setEmulatedMedia', {
                'features': [{'name': 'prefers-color-scheme', 'value': scheme}]})
            grounds.add(tab.here().execute_script(
                'return getComputedStyle(document.body).backgroundColor'))
            if screenshots:
                tab.here().save_screenshot(os.path.join(screenshots, scheme + '.png'))
        self.assertEqual(len(grounds), 2)
        self.assertEqual(tab.here().get_log('browser'), [])  # no error, no refused resource


if __name__ == '__main__':
    arguments = sys.argv[1:]
    if '--screenshots' in arguments:
        at = arguments.index('--screenshots')
        screenshots = arguments[at + 1]
        del arguments[at:at + 2]
    if not arguments or not os.access(arguments[0], os.X_OK):
        sys.exit(__doc__)
    board = os.path.abspath(arguments[0])
    unittest.main(argv=[sys.argv[0], *arguments[1:]], verbosity=2)
