# ruff: noqa: RUF001 - letters of other scripts are the point here
"""Innocents: names that are common somewhere, put together by a seeded `Random`. No person in particular is meant.

`TUNED_ON` was looked at while the comparison was tuned. `HELD_OUT` has other names, most of them of other countries; it was
written before its first run and no alert of it was looked at.
"""

import random

Names = dict[str, tuple[str, str]]

TUNED_ON: Names = {
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

HELD_OUT: Names = {
    "American": ("Christopher Ashley Joshua Amanda Brandon Melissa Tyler Nicole Kevin Stephanie Brian Heather Jason Megan Justin Rachel", "Nelson Carter Mitchell Roberts Turner Phillips Campbell Parker Evans Edwards Collins Stewart Morris Rogers Reed Cook"),
    "African American": ("Darnell Latoya Malik Ebony Terrence Keisha Andre Tamika Jamal Shanice Marcus Aaliyah DeShawn Imani Tyrone Kiara", "Washington Jefferson Booker Banks Gaines Mosley Dorsey Charles Alexander Coleman Jenkins Henderson Simmons Freeman Grant Hawkins"),
    "Mexican": ("Guadalupe Alejandro Verónica Ricardo Leticia Jorge Adriana Arturo Claudia Raúl Patricia Héctor Mónica Sergio Silvia Gerardo", "Torres Flores Rivera Ramírez Cruz Reyes Morales Ortiz Gutiérrez Chávez Ramos Vargas Castillo Mendoza Aguilar Medina"),
    "Colombian": ("Diana Andrés Paola Camilo Marcela Julián Catalina Mauricio Ángela Hernán Liliana Óscar Natalia Edwin Viviana Wilmer", "Rojas Suárez Valencia Castro Giraldo Ospina Cárdenas Restrepo Mejía Zapata Arias Parra Cortés Salazar Quintero Bedoya"),
    "Ukrainian": ("Oleksandr Oksana Andriy Iryna Serhiy Halyna Bohdan Yulia Taras Lesia Mykola Nadiya Vasyl Svitlana Yaroslav Kateryna", "Shevchenko Kovalenko Bondarenko Tkachenko Kravchenko Oliynyk Lysenko Marchenko Savchenko Rudenko Petrenko Melnyk Boyko Koval Hrytsenko Moroz"),
    "Polish": ("Krzysztof Agnieszka Tomasz Małgorzata Paweł Katarzyna Jan Joanna Marcin Magdalena Jakub Ewa Adam Aleksandra Łukasz Zofia", "Nowak Kowalski Wiśniewski Wójcik Kowalczyk Kamiński Lewandowski Zieliński Szymański Woźniak Dąbrowski Kozłowski Mazur Jankowski Krawczyk Kaczmarek"),
    "Egyptian": ("Mahmoud Mona Ashraf Hala Tamer Dina Sherif Rania Amr Heba Hossam Yasmin Essam Noha Khaled Marwa", "Abdelrahman Soliman Ibrahim Shaheen Fawzy Gaber Mansour Sayed Farouk Salem Zaki Ramadan Hegazy Barakat Hafez Kamel"),
    "Pakistani": ("Imran Ayesha Bilal Sana Usman Fatimah Kashif Hina Asad Rabia Faisal Saima Adnan Nadia Zeeshan Maryam", "Khan Malik Butt Chaudhry Qureshi Siddiqui Raza Mirza Sheikh Iqbal Akhtar Hussain Javed Baig Awan Mehmood"),
    "Indonesian": ("Budi Siti Agus Dewi Eko Sri Hendra Rina Joko Wati Bambang Yuni Rudi Fitri Dedi Indah", "Santoso Wijaya Setiawan Hidayat Susanto Kurniawan Saputra Gunawan Nugroho Wibowo Siregar Hartono Lestari Pratama Rahmawati Utomo"),
    "Filipino": ("Rodel Marites Jericho Rowena Arnel Maricel Jomar Lorna Dennis Analyn Ronaldo Cristina Nestor Imelda Jayson Rosario", "Dela Cruz Bautista Villanueva Aquino Domingo Mercado Salazar Manalo Pascual Tolentino Dizon Evangelista Santiago Valdez Ocampo"),
    "Hong Kong": ("Ka-ming Wai-yee Chi-keung Mei-ling Kwok-wah Siu-fong Tsz-kin Yuk-lan Wing-hong Lai-ying Man-kit Suk-han Chun-hei Pui-shan Ho-yin Wing-yan", "Chan Wong Cheung Leung Lau Ng Cheng Tsang Kwok Tang Fung Yip Lam Chow Mak Poon"),
    "Mainland Chinese": ("Qiang Xiuying Yong Lijuan Bo Xue Haitao Yanping Zhiqiang Guiying Peng Dandan Jianguo Tingting Weidong Xiuzhen", "Gao Luo Zheng Liang Xie Song Tang Han Feng Deng Cao Peng Zeng Xiao Tian Dong"),
    "Kenyan": ("Wanjiku Kamau Achieng Otieno Njeri Mwangi Atieno Kipchoge Chebet Mutua Wambui Omondi Nyambura Kiprono Akinyi Maina", "Kariuki Odhiambo Njoroge Ochieng Kimani Wafula Cheruiyot Muthoni Karanja Onyango Koech Musyoka Wekesa Ndungu Barasa Githinji"),
    "Greek": ("Giorgos Maria Dimitris Eleni Kostas Katerina Nikos Vasiliki Yannis Sofia Panagiotis Angeliki Christos Georgia Vangelis Ioanna", "Papadopoulos Georgiou Dimitriou Nikolaidis Vasiliou Papadakis Makris Karagiannis Ioannou Antoniou Pappas Oikonomou Konstantinidis Angelopoulos Alexiou Petridis"),
    "Dutch": ("Daan Sanne Bram Fleur Jeroen Marieke Sander Anouk Thijs Femke Ruben Lotte Maarten Esmee Wouter Inge", "de Vries Jansen van Dijk Bakker Visser Smit Meijer Mulder Bos Vos Peters Hendriks Dekker Brouwer Koster Kuipers"),
    "Serbian": ("Nikola Jelena Marko Milica Stefan Ivana Aleksandar Dragana Miloš Katarina Nemanja Tamara Dušan Sanja Vladan Biljana", "Jovanović Petrović Nikolić Marković Đorđević Stojanović Ilić Stanković Pavlović Milošević Popović Simić Kostić Lukić Todorović Savić"),
}  # fmt: skip


_ONE_GIVEN = ("Chinese", "Korean", "Japanese", "Vietnamese", "Hong Kong", "Mainland Chinese")


def innocents(rng: random.Random, count: int, among: Names) -> list[tuple[str, str]]:
    """(culture, name), `count` of them, cultures taking turns; a quarter of them carry two given names."""
    cultures = sorted(among)
    found = []
    for at in range(count):
        culture = cultures[at % len(cultures)]
        given, family = (names.split() for names in among[culture])
        first = rng.sample(given, 2 if at % 4 == 0 and culture not in _ONE_GIVEN else 1)
        found.append((culture, f"{' '.join(first)} {rng.choice(family)}"))
    return found
