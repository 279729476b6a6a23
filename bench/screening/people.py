# ruff: noqa: RUF001 - letters of other scripts are the point here
"""Innocents: names that are common somewhere, put together by a seeded `Random`. No person in particular is meant."""

import random

GIVEN_AND_FAMILY = {
    "English": ("James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Barbara Emma Oliver Sophie Harry", "Smith Johnson Williams Brown Jones Miller Davis Wilson Anderson Taylor Thomas Moore Jackson Martin Thompson White"),
    "Spanish": ("José María Juan Carmen Luis Ana Carlos Isabel Javier Pilar Miguel Lucía Antonio Rosa Pedro Elena", "García Fernández González Rodríguez López Martínez Sánchez Pérez Gómez Martín Jiménez Ruiz Hernández Díaz Moreno Álvarez"),
    "Russian": ("Иван Мария Сергей Анна Дмитрий Ольга Алексей Елена Андрей Наталья Николай Татьяна Павел Ирина Михаил Светлана", "Соколов Лебедев Козлов Новиков Морозов Волков Павлов Семенов Голубев Виноградов Богданов Воробьев Беляев Тарасов Белов Комаров"),
    "Arabic": ("Youssef Fatima Karim Layla Samir Nadia Tarek Amina Hicham Salma Rachid Zineb Bilal Noura Walid Huda", "Benali Haddad Mansouri Khoury Nasser Amrani Saidi Tazi Fassi Bennani Chraibi Sabbagh Najjar Qasimi Darwish Rahmani"),
    "Chinese": ("Wei Fang Min Jing Lei Yan Jun Ying Tao Hui Xiaoming Lihua Jiahao Yuxuan Zihan Meiling", "Wang Li Zhang Liu Chen Yang Huang Zhao Wu Zhou Xu Sun Ma Zhu Hu Guo"),
    "Indian": ("Amit Priya Rahul Anjali Sanjay Sunita Vikram Deepa Rajesh Kavita Arjun Neha Suresh Pooja Manoj Lakshmi", "Sharma Verma Gupta Patel Singh Kumar Reddy Iyer Nair Joshi Mehta Desai Rao Chopra Kapoor Bose"),
    "Korean": ("Min-jun Seo-yeon Ji-hoon Ji-woo Hyun-woo Soo-jin Dong-hyun Eun-ji Sung-min Hye-jin Jae-won Yu-na Tae-yang Mi-rae Woo-jin Ha-neul", "Kim Lee Park Choi Jung Kang Cho Yoon Jang Lim Han Oh Seo Shin Kwon Hwang"),
    "German": ("Hans Anna Klaus Petra Stefan Sabine Jürgen Monika Uwe Heike Thorsten Birgit Lukas Lena Felix Hannah", "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Koch Bauer Richter Klein Wolf Schröder"),
    "Portuguese": ("João Ana Pedro Beatriz Tiago Mariana Rafael Camila Gustavo Larissa Felipe Juliana Bruno Fernanda Rodrigo Patrícia", "Silva Santos Oliveira Souza Rodrigues Ferreira Alves Pereira Lima Gomes Costa Ribeiro Carvalho Almeida Lopes Soares"),
    "Turkish": ("Mehmet Ayşe Mustafa Zeynep Ali Elif Emre Merve Can Esra Burak Büşra Murat Seda Kemal Derya", "Yılmaz Kaya Demir Çelik Şahin Yıldız Öztürk Aydın Özdemir Arslan Doğan Kılıç Aslan Çetin Kara Koç"),
    "Vietnamese": ("Anh Linh Minh Huong Tuan Lan Duc Mai Hung Thao Quang Ngoc Long Trang Son Phuong", "Nguyen Tran Le Pham Hoang Phan Vu Vo Dang Bui Do Ho Ngo Duong Ly Dinh"),
    "Nigerian": ("Chinedu Ngozi Emeka Adaeze Tunde Funke Segun Bola Ifeanyi Chioma Kunle Yetunde Obinna Amara Femi Sade", "Okafor Adeyemi Okonkwo Balogun Eze Adebayo Nwosu Ogunleye Okoro Afolabi Obi Adeleke Uche Akande Nwachukwu Oyelaran"),
    "Italian": ("Marco Giulia Luca Francesca Andrea Chiara Matteo Sara Davide Elisa Alessandro Martina Simone Paola Giorgio Laura", "Rossi Ferrari Esposito Bianchi Romano Colombo Ricci Marino Greco Bruno Gallo Conti De Luca Mancini Costa Giordano"),
    "Japanese": ("Haruto Yui Sota Hina Yuto Aoi Kenji Yoko Hiroshi Keiko Takashi Naoko Makoto Emi Daiki Sakura", "Sato Suzuki Takahashi Tanaka Watanabe Ito Yamamoto Nakamura Kobayashi Kato Yoshida Yamada Sasaki Matsumoto Inoue Kimura"),
    "French": ("Jean Marie Pierre Camille Nicolas Julie Antoine Sophie Mathieu Claire Julien Céline Thierry Manon Hugo Léa", "Martin Bernard Dubois Durand Moreau Laurent Lefebvre Leroy Roux Fournier Girard Bonnet Dupont Lambert Rousseau Vincent"),
    "Persian": ("Reza Maryam Hamid Shirin Farhad Parisa Kaveh Niloufar Babak Leila Dariush Azadeh Siavash Roya Arash Mina", "Tehrani Shirazi Farahani Bahrami Kazemi Moradi Rostami Jafari Sadeghi Ahmadi Azizi Najafi Zand Golshani Parsa Afshar"),
}  # fmt: skip


def innocents(rng: random.Random, count: int) -> list[tuple[str, str]]:
    """(culture, name), `count` of them, cultures taking turns; a quarter of them carry two given names."""
    cultures = sorted(GIVEN_AND_FAMILY)
    found = []
    for at in range(count):
        culture = cultures[at % len(cultures)]
        given, family = (names.split() for names in GIVEN_AND_FAMILY[culture])
        first = rng.sample(
            given, 2 if at % 4 == 0 and culture not in ("Chinese", "Korean", "Japanese", "Vietnamese") else 1
        )
        found.append((culture, f"{' '.join(first)} {rng.choice(family)}"))
    return found
